import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createLifecycle, type Lifecycle, type Tenant, type TenantStatus } from '@tenantry/core'
import { migrateRegistry, postgresRegistry } from '@tenantry/pg/registry'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { pgSchema } from '../src/index.ts'
import { type LifecycleOrder, ledger } from './lifecycle-child.ts'
import { makeLogin, type SchemaDatabase, schemaDatabase, silent, thereOf } from './support.ts'

/**
 * How often each step is died at. In the suite every other step of each operation once, before the word or behind it; with
 * TENANTRY_KILLS each step, before and behind, so often.
 */
const times = Number(process.env.TENANTRY_KILLS ?? 0)
const by = { actor: 'test' }

describePostgres('processes that are killed in the middle of a tenant’s life', server => {
  let database: SchemaDatabase
  let registryPool: pg.Pool
  let isolation: ReturnType<typeof pgSchema>
  let lifecycle: Lifecycle
  let order: LifecycleOrder
  const rivals: ChildProcess[] = []

  function child(each: LifecycleOrder): ChildProcess {
    const process = fork(new URL('lifecycle-child.ts', import.meta.url), {
      execArgv: ['--import', 'tsx', '-C', 'tenantry-source'],
    })
    process.send(each)
    return process
  }

  beforeAll(async () => {
    database = await schemaDatabase(server)
    const owner = new pg.Pool({ connectionString: database.ownerUrl, max: 2 })
    // The registry refuses a role that can read tenants' data.
    const registry = await makeLogin(database, database.admin, 'registry')
    await migrateRegistry({ pool: owner, role: registry.runtimeRole })
    await owner.end()
    await database.provisioner.query(
      'create schema calls; create table calls.ledger (step text primary key, calls int not null)',
    )
    const { runtimeUrl, provisionerUrl, rolePrefix } = database
    order = { registryUrl: registry.runtimeUrl, runtimeUrl, provisionerUrl, rolePrefix, lease: 500 }
    registryPool = new pg.Pool({ connectionString: registry.runtimeUrl, max: 4 })
    isolation = pgSchema({ pool: database.runtime, provisioner: database.provisioner, rolePrefix })
    lifecycle = createLifecycle({
      store: postgresRegistry({ pool: registryPool }),
      participants: [isolation, ledger(database.provisioner)],
      logger: silent,
    })
    for (let index = 0; index < 2; index++) {
      const rival = child(order)
      rivals.push(rival)
      await once(rival, 'message')
    }
  }, 60_000)
  afterAll(async () => {
    for (const rival of rivals) {
      rival.disconnect()
      await once(rival, 'exit')
    }
    await isolation?.close()
    await registryPool?.end()
    await database?.close()
  })

  const ends: Record<string, TenantStatus | undefined> = {
    create: 'active',
    suspend: 'suspended',
    archive: 'archived',
    destroy: undefined,
  }

  async function statusOf(id: string): Promise<string | undefined> {
    const { rows } = await database.admin.query<{ status: string }>(
      'select status from tenantry.registry_tenants where id = $1',
      [id],
    )
    return rows[0]?.status
  }

  async function openOperations(): Promise<number> {
    const { rows } = await database.admin.query<{ count: number }>(
      `select count(*)::int as count from tenantry.registry_operations where state in ('running', 'undoing')`,
    )
    return rows[0]?.count ?? 0
  }

  /** @returns whether the process was killed before it was done. */
  async function killed(kind: string, tenant: string, nth: number, way: 'before' | 'behind'): Promise<boolean> {
    const victim = child({ ...order, death: { kind, tenant, nth, way } })
    const [code, signal] = (await once(victim, 'exit')) as [number | null, string | null]
    if (signal !== 'SIGKILL' && code !== 0) throw new Error(`The child ended with ${code}.`)
    return signal === 'SIGKILL'
  }

  const scenes = Object.keys(ends).flatMap(kind => (['behind', 'before'] as const).map(way => [kind, way] as const))
  it.each(scenes.filter((_, index) => times > 0 || index % 4 === 0 || index % 4 === 3))(
    'L2 in "%s", %s a word to the journal: two rivals bring it to its end, nothing is orphaned, each effect is there once',
    async (kind, way) => {
      let kills = 0
      for (let nth = way === 'before' ? 2 : 1; ; nth += times === 0 ? 2 : 1) {
        let died = false
        for (let time = 0; time < Math.max(times, 1); time++) {
          const id = `${kind}-${way}-${nth}-${time}`
          if (kind !== 'create') await lifecycle.create({ id, slug: id, name: id }, by)
          if (kind === 'destroy') await lifecycle.archive(id, by)
          died = await killed(kind, id, nth, way)
          if (died) kills += 1
          await expect.poll(openOperations, { timeout: 30_000, interval: 20 }).toBe(0)

          expect(await statusOf(id)).toBe(ends[kind])
          const tenant = { id, isDefault: false, placement: {} } as unknown as Tenant
          expect(await thereOf(database, tenant)).toEqual(kind === 'destroy' ? [] : ['notes', 'role', 'schema'])
          const [last] = await lifecycle.history(id, 1)
          expect(last).toMatchObject({ kind, state: 'done' })
          expect(last?.steps.every(({ state }) => state === 'done')).toBe(true)
          const { rows } = await database.admin.query<{ calls: number }>(
            'select calls from calls.ledger where step like $1',
            [`${last?.id}/%`],
          )
          // One effect; called a second time only where the word of the first was lost.
          expect(rows).toHaveLength(1)
          expect(rows[0]?.calls).toBeLessThanOrEqual(2)
          if (kind !== 'destroy') {
            if (kind !== 'archive') await lifecycle.archive(id, by)
            await lifecycle.destroy(id, { ...by, confirm: id })
          }
        }
        if (!died) break
      }
      expect(kills).toBeGreaterThanOrEqual(2 * Math.max(times, 1))
      const { rows } = await database.admin.query('select rolname from pg_roles where rolname like $1', [
        `${database.rolePrefix}t\\_%`,
      ])
      expect(rows).toEqual([])
    },
    3_600_000,
  )
})
