import { request } from 'node:http'

/** One request of the demo. */
export interface Call {
  readonly method?: string
  readonly host: string
  readonly path: string
  readonly body?: unknown
}

/** Its answer, with the body as JSON. */
export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** Sends a real HTTP request. `fetch` does not let its caller choose the Host header. */
export function send(port: number, { method = 'GET', host, path, body }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { host, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
    const call = request({ host: '127.0.0.1', port, method, path, headers }, response => {
      const chunks: Buffer[] = []
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        try {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) })
        } catch (error) {
          reject(error)
        }
      })
    })
    call.on('error', reject)
    call.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
