import { Agent, createServer, type OutgoingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isTenancyError, nodeRequestView, problemOf, type Tenancy } from '@tenantry/core'
import { type Comparison, welch } from './welch.ts'

/** A server in this process that refuses requests, and how long it takes. */
export interface TimedAnswers {
  /**
   * Pairs in random order, one request at a time, over one connection.
   *
   * @param statuses - those of the one and of the other.
   * @throws Error when an answer has another.
   */
  compare(
    one: readonly OutgoingHttpHeaders[],
    other: readonly OutgoingHttpHeaders[],
    statuses: readonly [number, number],
  ): Promise<Comparison>
  close(): void
}

const warmUp = 2000

export async function timedAnswers(tenancy: Tenancy, pairs: number): Promise<TimedAnswers> {
  const server = createServer((incoming, response) => {
    tenancy.resolve(nodeRequestView(incoming)).catch((error: unknown) => {
      if (!isTenancyError(error)) throw error
      const { status, headers, body } = problemOf(error)
      response.writeHead(status, headers).end(JSON.stringify(body))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })

  /** Microseconds until the whole answer is there. */
  function ask(headers: OutgoingHttpHeaders, status: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const start = process.hrtime.bigint()
      const sent = request({ port, host: '127.0.0.1', agent, headers }, answer => {
        if (answer.statusCode !== status) reject(new Error(`It answered with ${answer.statusCode}.`))
        answer.resume().on('end', () => resolve(Number(process.hrtime.bigint() - start) / 1000))
      })
      sent.on('error', reject).end()
    })
  }

  return {
    async compare(one, other, statuses) {
      const kinds = [one, other].map((requests, at) => ({ requests, status: statuses[at] ?? 0, times: [] as number[] }))
      for (let pair = -warmUp; pair < pairs; pair++) {
        for (const { requests, status, times } of Math.random() < 0.5 ? kinds : kinds.toReversed()) {
          const time = await ask(requests[Math.abs(pair) % requests.length] ?? {}, status)
          if (pair >= 0) times.push(time)
        }
      }
      const [first, second] = kinds
      return welch(first?.times ?? [], second?.times ?? [])
    },
    close() {
      agent.destroy()
      server.close()
    },
  }
}
