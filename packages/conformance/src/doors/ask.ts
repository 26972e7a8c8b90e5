import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'

/** What is sent. */
export interface Asked {
  readonly port: number
  readonly host: string
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  /** Default a socket of its own. */
  readonly agent?: Agent
  /** Sends the body, piece by piece, whenever it likes. */
  readonly send?: (write: (piece: string) => Promise<void>) => Promise<void>
  /** Gets the request, to abort it. */
  readonly opened?: (outgoing: ClientRequest) => void
}

/** What came back. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The client's end of the socket, by which requests on one socket are known. */
  readonly socket: number | undefined
}

/** Sends a request and reads the whole answer. */
export async function ask({ port, host, path, method, headers, agent, send, opened }: Asked): Promise<Answer> {
  const outgoing = request({
    ...{ host: '127.0.0.1', port, path, method, agent: agent ?? new Agent() },
    headers: { ...headers, host },
  })
  opened?.(outgoing)
  // A refusal may come before the whole body is sent, so the answer is awaited from the start.
  const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>
  const write = (piece: string): Promise<void> =>
    new Promise((resolve, reject) => outgoing.write(piece, error => (error ? reject(error) : resolve())))
  const sent = (send?.(write) ?? Promise.resolve()).then(() => outgoing.end())
  const [[response]] = await Promise.all([answered, sent])
  const socket = response.socket.localPort
  const text = (await response.setEncoding('utf8').toArray()).join('')
  return { status: response.statusCode ?? 0, headers: response.headers, text, socket }
}
