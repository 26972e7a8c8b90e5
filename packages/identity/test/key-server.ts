import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server of a key set, and of whatever else a test wants it to answer. */
export interface KeyServer {
  readonly url: string
  /** The paths that were asked for. */
  readonly requests: string[]
  /** What it answers: a key set, or an answer of one's own. */
  answer: object | ((response: ServerResponse) => void)
  close(): Promise<void>
}

export async function keyServer(answer: KeyServer['answer']): Promise<KeyServer> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    if (typeof self.answer === 'function') self.answer(response)
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(self.answer))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const self: KeyServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
  return self
}
