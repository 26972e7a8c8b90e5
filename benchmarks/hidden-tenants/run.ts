import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { createTenancy, host, memoryRegistry } from '@tenantry/core'
import { timedAnswers } from './timed-answers.ts'
import { describeComparisons, isTold } from './welch.ts'

// Can somebody outside tell by the time of the answer that a tenant was archived, and not one that never was? As a t statistic
// (Welch) over the answers of a server in this process, which nobody outside comes as near to: pairs in random order, no network,
// one request at a time. `unknown` against `unknown` shows what the machine makes of nothing, `suspended`, which is told, what a
// difference looks like. What is left is the memory of a record that is found, and of none that is not.

const { values } = parseArgs({
  options: { json: { type: 'boolean', default: false }, pairs: { type: 'string', default: '100000' } },
})
const pairs = Number(values.pairs)

// Names that say nothing: in the order of their making, or by their letters, they would cost differently by themselves.
const names = () => Array.from({ length: 50 }, () => `t${randomBytes(6).toString('hex')}`)
const slugs = { archived: names(), suspended: names(), unknown: names(), 'another unknown': names() }

const registry = memoryRegistry(
  (['archived', 'suspended'] as const).flatMap(status => slugs[status].map(slug => ({ slug, name: slug, status }))),
)
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const tenancy = createTenancy({ registry, resolvers: [host({ baseDomains: ['example.com'] })], logger: silent })

const answers = await timedAnswers(tenancy, pairs)
const hostsOf = (kind: keyof typeof slugs) => slugs[kind].map(slug => ({ host: `${slug}.example.com` }))
const compare = (one: keyof typeof slugs, other: keyof typeof slugs, otherStatus = 404) =>
  answers.compare(hostsOf(one), hostsOf(other), [404, otherStatus])

const report = {
  pairs,
  'unknown against unknown': await compare('another unknown', 'unknown'),
  'archived against unknown': await compare('archived', 'unknown'),
  'unknown against suspended': await compare('unknown', 'suspended', 403),
}
answers.close()

console.log(values.json ? JSON.stringify(report, null, 2) : describeComparisons(report))
// So that a script notices; run it on a machine that has nothing else to do.
process.exitCode = isTold(report['archived against unknown']) ? 1 : 0
