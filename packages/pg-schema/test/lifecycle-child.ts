// Run by lifecycle-kill.pg.test.ts: a process that dies at its nth word to the journal, or a rival that goes on with what others left.
import { createLifecycle, type Participant, type TenantStore } from '@tenantry/core'
import { postgresRegistry } from '@tenantry/pg/registry'
import pg from 'pg'
import { pgSchema } from '../src/index.ts'
import { silent } from './support.ts'

/** What the process is to do. */
export interface LifecycleOrder {
  readonly registryUrl: string
  readonly runtimeUrl: string
  readonly provisionerUrl: string
  readonly rolePrefix: string
  /** Milliseconds. */
  readonly lease: number
  /** Absent for a rival. */
  readonly death?: {
    readonly kind: string
    readonly tenant: string
    readonly nth: number
    readonly way: 'before' | 'behind'
  }
}

process.once('message', async (order: LifecycleOrder) => {
  const { registryUrl, runtimeUrl, provisionerUrl, rolePrefix, lease, death } = order
  const open = (connectionString: string) => new pg.Pool({ connectionString, max: 2 })
  const pool = open(runtimeUrl)
  const provisioner = open(provisionerUrl)
  const isolation = pgSchema({ pool, provisioner, rolePrefix })
  const registry = postgresRegistry({ pool: open(registryUrl) })
  const store = death === undefined ? registry : mortal(registry, death)
  const options = { store, participants: [isolation, ledger(provisioner)], lease, logger: silent }
  const lifecycle = createLifecycle(options)
  if (death === undefined) {
    lifecycle.watch(25)
    process.send?.('watching')
    return
  }
  const { kind, tenant: id } = death
  const by = { actor: 'test' }
  await registry.ready()
  if (kind === 'create') await lifecycle.create({ id, slug: id, name: id }, by)
  else if (kind === 'destroy') await lifecycle.destroy(id, { ...by, confirm: id })
  else if (kind === 'suspend' || kind === 'archive') await lifecycle[kind](id, by)
  process.exit()
})
process.on('disconnect', () => process.exit())

/** Ends the process, as the machine would, at the nth write. */
function mortal(store: TenantStore, { nth, way }: NonNullable<LifecycleOrder['death']>): TenantStore {
  let writes = 0
  async function at<T>(write: () => Promise<T>): Promise<T> {
    const isLast = ++writes === nth
    if (isLast && way === 'before') process.kill(process.pid, 'SIGKILL')
    const result = await write()
    if (isLast) process.kill(process.pid, 'SIGKILL')
    return result
  }
  return {
    ...store,
    begin: (...args) => at(() => store.begin(...args)),
    // A sign of life is no step.
    record: (claim, ms, progress) =>
      Object.keys(progress).length === 0
        ? store.record(claim, ms, progress)
        : at(() => store.record(claim, ms, progress)),
  }
}

/** A participant that calls a service with the step as its idempotency key: the service notes each key once, and each call. */
export function ledger(pool: pg.Pool): Participant {
  const note = async (step: string) =>
    void (await pool.query(
      'insert into calls.ledger as ledger (step, calls) values ($1, 1) on conflict (step) do update set calls = ledger.calls + 1',
      [step],
    ))
  return {
    name: 'ledger',
    provision: (_tenant, step) => note(step),
    async deprovision(tenant, step) {
      await note(step)
      return { tenant: tenant.id, erased: [] }
    },
    suspend: (_tenant, _deadline, step) => note(step),
    resume: (_tenant, step) => note(step),
  }
}
