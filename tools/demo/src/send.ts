import { request } from 'node:http'

/** One request of a demo. */
export interface Call {
  readonly method?: string
  readonly host: string
  /** The target as it is sent; nothing is normalised. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes are sent as they are, everything else as JSON. */
  readonly body?: unknown
}

/** Its answer, with the body as JSON where it is some, else as text. */
export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** Sends a real HTTP request. `fetch` does not let its caller choose the Host header. */
export function send(port: number, { method = 'GET', host, path, headers = {}, body }: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const bytes = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body)
    const type = Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json'
    // Node gives the body of a DELETE no length by itself.
    const own = bytes === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(bytes) }
    const all = { host, ...own, ...headers }
    const call = request({ host: '127.0.0.1', port, method, path, headers: all }, response => {
      const chunks: Buffer[] = []
      response.on('error', reject)
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        try {
          const isJson = /^application\/(?:[a-z.-]+\+)?json\b/.test(response.headers['content-type'] ?? '')
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text })
        } catch (error) {
          reject(error)
        }
      })
    })
    call.on('error', reject)
    call.end(bytes)
  })
}
