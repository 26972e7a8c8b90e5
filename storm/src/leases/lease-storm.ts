import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryRegistry } from '@tenantry/core'
import { pgDatabase } from '@tenantry/pg-database'
import type { PostgresServer } from '@tenantry/servers'
import { openEstate } from '../isolations/database/estate.ts'
import { leasePrefix, placementAt, serverNames } from '../isolations/database/names.ts'
import { eachOf, fill } from '../isolations/database/rows.ts'
import { count } from '../tally.ts'
import { distantBroker } from './distant-broker.ts'
import { drama } from './drama.ts'
import { knownLeases } from './known-leases.ts'
import { startLoad } from './load.ts'
import { createOutages } from './outages.ts'
import { overseer } from './overseer.ts'
import { type LeaseReport, plainOutages } from './report.ts'
import { secretsLeft, takeSnapshot } from './secrets-left.ts'

const lifetime = 5_000
const sweepEvery = 1_500
/** What a sweep itself may take on a busy machine: it ends sessions, and sees that they are gone. */
const sweepTakes = 2_500

const tenantCount = 30

/** Options of {@link leaseStorm}. */
export interface LeaseStormTerms {
  readonly server: PostgresServer
  readonly minutes: number
  onProgress(line: string): void
}

export async function leaseStorm({ server, minutes, onProgress }: LeaseStormTerms): Promise<LeaseReport> {
  const problems: string[] = []
  const complain = (problem: string) => void problems.push(problem)
  const logs: string[] = []
  const log = (details: object, message?: string) => void logs.push(`${message} ${JSON.stringify(details)}`)
  const logger = { debug: log, info: log, warn: log, error: log }
  const directory = await mkdtemp(join(tmpdir(), 'tenantry-leases-'))
  const notes = join(directory, 'notes')
  const estate = await openEstate(await server.freshDatabase())
  const brokers = Object.fromEntries(serverNames.map(name => [name, estate.servers[name].brokerUrl]))
  const terms = { prefix: leasePrefix, lifetime, sweepEvery }
  const broker = distantBroker({ kind: 'open', brokers, notes, ...terms }, line => void logs.push(line))
  await broker.start()
  const known = knownLeases(broker.source)
  const options = {
    ...estate.options,
    ...{ credentials: known.source, logger },
    connections: { max: 20, maxPerTenant: 4, drainTimeout: 1_500 },
  }
  const isolation = pgDatabase(options)
  const registry = memoryRegistry()
  const all = Array.from({ length: tenantCount }, (_, at) =>
    registry.add({ id: `t${at}`, slug: `t${at}`, name: `Tenant ${at}`, placement: placementAt(at, `t${at}`) }),
  )
  await eachOf(all, async tenant => {
    await isolation.provision(tenant)
    await fill(estate, tenant, new Map(Array.from({ length: 6 }, (_, at) => [at + 1, 1])))
  })

  const watch = overseer(estate, sweepEvery + sweepTakes, complain)
  watch.broker('up')
  const outages = createOutages(broker, watch)
  const active = new Map(all.map(tenant => [tenant.id, tenant]))
  const resting = new Map<string, number>()
  const excused = new Map<string, number>()
  const load = startLoad({
    ...{ isolation, complain, isLive: known.isLive },
    tenants: () => [...active.values()],
    failed(failure) {
      const { code, tenant, ended } = failure
      // Whoever was on their way when the tenant was suspended.
      const rested = code === 'TENANT_SUSPENDED' && ended <= (resting.get(tenant) ?? 0)
      if (rested || outages.excuse(failure, lifetime)) count(excused, code)
      else complain(`a request of ${tenant} failed, lease ${failure.live}: ${code} ${failure.error}`)
    },
  })
  const suspensions: number[] = []
  await drama({
    ...{ minutes, estate, isolation, registry, active, resting, known, outages, suspensions, complain },
    onScene: scene => onProgress(`${load.requests()} requests, ${problems.length} problems; ${scene}`),
  })
  await load.stop()
  // So that no statement of the last requests is on its way.
  await sleep(500)
  onProgress('looking for secrets')
  const snapshot = join(directory, 'heap.heapsnapshot')
  // Before: making it takes longer than a lease may still have.
  const live = new Set(known.held())
  takeSnapshot(snapshot)
  const secrets = secretsLeft(snapshot, notes, live, {
    ...{
      logs: logs.join('\n'),
      'the options': options,
      'the isolation': isolation,
      'its metrics': isolation.metrics(),
    },
    'the registry': all.map(({ id }) => registry.find({ kind: 'id', value: id })),
  })
  problems.push(...secrets.problems)
  const { leases } = isolation.metrics()
  await isolation.close()
  await sleep(lifetime + sweepEvery + sweepTakes)
  await watch.stop()
  for (const name of serverNames) {
    const { rows } = await estate.servers[name].admin.query<{ line: string }>(
      `select 'the login ' || rolname as line from pg_roles where starts_with(rolname, $1)
       union all select 'a session of ' || usename from pg_stat_activity where starts_with(usename, $1)`,
      [leasePrefix],
    )
    for (const { line } of rows) complain(`at the end there is still ${line} on server ${name}`)
  }
  await broker.close()
  await estate.close()
  await rm(directory, { recursive: true, force: true })
  return {
    postgres: server.descriptor.version,
    ...{
      minutes,
      lifetime,
      sweepEvery,
      tenants: all.length,
      requests: load.requests(),
      transactions: load.transactions(),
    },
    ...{ issued: leases.issued, renewalsFailed: leases.renewalsFailed, revoked: leases.revoked },
    excused: Object.fromEntries(excused),
    outages: plainOutages(outages.all),
    suspensions: suspensions.map(Math.round),
    ...{ longestAfterEnd: watch.longest(), looks: watch.looks(), secrets, problems },
  }
}
