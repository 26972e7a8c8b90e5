import { randomBytes } from 'node:crypto'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { createTenancy, host, isTenancyError, memoryRegistry, nodeRequestView, problemOf } from '@tenantry/core'
import { describeComparisons, isTold, welch } from './welch.ts'

// Can somebody outside tell by the time of the answer that a tenant was archived, and not one that never was? As a t statistic
// (Welch) over the answers of a server in this process, which nobody outside comes as near to: pairs in random order, no network,
// one request at a time. `unknown` against `unknown` shows what the machine makes of nothing, `suspended`, which is told, what a
// difference looks like. What is left is the memory of a record that is found, and of none that is not.

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, pairs: { type: 'string', default: '100000' } },
})
const pairs = Number(values.pairs)
const warmUp = 2000

// Names that say nothing: in the order of their making, or by their letters, they would cost differently by themselves.
const names = () => Array.from({ length: 50 }, () => `t${randomBytes(6).toString('hex')}`)
const slugs = { archived: names(), suspended: names(), unknown: names(), 'another unknown': names() }

const registry = memoryRegistry(
  (['archived', 'suspended'] as const).flatMap(status => slugs[status].map(slug => ({ slug, name: slug, status }))),
)
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const tenancy = createTenancy({ registry, resolvers: [host({ baseDomains: ['example.com'] })], logger: silent })

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
function ask(slug: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint()
    const sent = request({ port, host: '127.0.0.1', agent, headers: { host: `${slug}.example.com` } }, answer => {
      answer.resume().on('end', () => resolve(Number(process.hrtime.bigint() - start) / 1000))
    })
    sent.on('error', reject).end()
  })
}

async function compare(one: keyof typeof slugs, other: keyof typeof slugs) {
  const times = { [one]: [] as number[], [other]: [] as number[] }
  for (let pair = -warmUp; pair < pairs; pair++) {
    for (const kind of Math.random() < 0.5 ? [one, other] : [other, one]) {
      const time = await ask(slugs[kind][Math.abs(pair) % slugs[kind].length] ?? '')
      if (pair >= 0) times[kind]?.push(time)
    }
  }
  return welch(times[one] ?? [], times[other] ?? [])
}

const report = {
  pairs,
  'unknown against unknown': await compare('another unknown', 'unknown'),
  'archived against unknown': await compare('archived', 'unknown'),
  'suspended against unknown': await compare('suspended', 'unknown'),
}
agent.destroy()
server.close()

console.log(values.json ? JSON.stringify(report, null, 2) : describeComparisons(report))
// So that a script notices; run it on a machine that has nothing else to do.
process.exitCode = isTold(report['archived against unknown']) ? 1 : 0
