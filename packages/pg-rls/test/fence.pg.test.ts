import { randomUUID } from 'node:crypto'
import { isTenancyError, type Tenant } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { raceTheFence } from '@tenantry/pg-subject'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { installFence, type PgRlsOptions } from '../src/index.ts'
import { type FenceGround, fenceGround } from './fence-ground.ts'
import { connect, execute, threeTenants } from './support.ts'

const { a, b } = await threeTenants()
const races = Number(process.env.TENANTRY_RACES ?? 20)

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'no error',
    (error: { code?: unknown }) => (isTenancyError(error) ? error.code : (error.code ?? error)),
  )
}

const put = (pool: Pick<TenantPool, 'query'>) =>
  pool.query('insert into notes (id, text) values ($1, $2)', [randomUUID(), 'a note'])

for (const seal of ['none', 'stamp', 'challenge'] as const) {
  describePostgres(
    `the fence of pg-rls, seal: ${seal}`,
    server => {
      let ground: FenceGround
      beforeAll(async () => {
        ground = await fenceGround(server, { seal })
      })
      afterEach(async () => {
        for (const each of [a, b]) await keeper().resume?.(each)
      })
      afterAll(() => ground?.close())
      const keeper = () => ground.keeper
      const suspend = async (tenant: Tenant, deadline: number) => keeper().suspend?.(tenant, deadline)
      const handle = (tenant: Tenant) => ground.open().handle(() => tenant)
      /** Resolves when whoever suspends waits for those inside. */
      async function untilWaiting(): Promise<void> {
        const look = `select from pg_locks where locktype = 'advisory' and mode = 'ExclusiveLock' and not granted
          and database = (select oid from pg_database where datname = current_database())`
        while ((await ground.admin.query(look)).rowCount === 0) await new Promise(resolve => setTimeout(resolve, 2))
      }

      it('L3 E12 a suspended tenant is refused to whoever takes it for active, in every way, and nobody else is', async () => {
        const [ofA, ofB] = [handle(a), handle(b)]
        await put(ofA)
        await suspend(a, 1_000)
        const before = await ground.idsOf(a)
        expect(await codeOf(put(ofA))).toBe('TENANT_SUSPENDED')
        expect(await codeOf(ofA.query({ name: 'n', text: 'select id from notes' }))).toBe('TENANT_SUSPENDED')
        for (let turn = 0; turn < 5; turn += 1) {
          const mixed = await Promise.all(
            [ofA, ofB, ofA, ofB].map(pool => codeOf(pool.query('select text from notes'))),
          )
          expect(mixed).toEqual(['TENANT_SUSPENDED', 'no error', 'TENANT_SUSPENDED', 'no error'])
        }
        for (const begin of ['begin', 'begin isolation level repeatable read', 'begin isolation level serializable']) {
          const client = await ofA.connect()
          await client.query(begin)
          expect(await codeOf(put(client)), begin).toBe('TENANT_SUSPENDED')
          expect(await codeOf(client.query('rollback'))).toBe('no error')
          client.release()
        }
        expect(await ground.idsOf(a)).toEqual(before)
        await put(ofB)
        await keeper().resume?.(a)
        await put(ofA)
        expect((await ofA.query('select id from notes')).rowCount).toBe(before.length + 1)
      })

      it('L3 what is under way may end, while nothing begins, and suspending waits for it', async () => {
        const ofA = handle(a)
        const client = await ofA.connect()
        await client.query('begin')
        await put(client)
        let up = false
        const suspending = suspend(a, 60_000).then(() => {
          up = true
        })
        await untilWaiting()
        expect(await codeOf(put(handle(a)))).toBe('TENANT_SUSPENDED')
        await put(client)
        await put(handle(b))
        expect(up).toBe(false)
        const before = (await ground.idsOf(a)).length
        await client.query('commit')
        client.release()
        await suspending
        expect(await ground.idsOf(a)).toHaveLength(before + 2)
        expect(await codeOf(put(ofA))).toBe('TENANT_SUSPENDED')
      })

      it('L3 past the deadline the server ends it, and nothing of it lands', async () => {
        const before = await ground.idsOf(a)
        const [client, other] = [await handle(a).connect(), await handle(b).connect()]
        for (const each of [client, other]) {
          await each.query('begin')
          await put(each)
        }
        await suspend(a, 30)
        expect(await codeOf(client.query('commit'))).toMatch(/^(?:CONNECTION_LOST|TENANT_SUSPENDED)$/)
        client.release()
        expect(await ground.idsOf(a)).toEqual(before)
        await other.query('commit')
        other.release()
      })

      it('L3 a lock that goes with a savepoint is taken again, or not any more', async () => {
        const client = await handle(a).connect()
        await client.query('begin')
        await client.query('savepoint here')
        await put(client)
        await client.query('rollback to here')
        await suspend(a, 60_000)
        const before = await ground.idsOf(a)
        expect(await codeOf(put(client))).toBe('TENANT_SUSPENDED')
        await client.query('rollback')
        client.release()
        expect(await ground.idsOf(a)).toEqual(before)
      })

      it('L3 suspending and resuming twice is once, also at the same time', async () => {
        await Promise.all([suspend(a, 1_000), suspend(a, 1_000), suspend(b, 1_000)])
        await suspend(a, 0)
        expect(await codeOf(put(handle(a)))).toBe('TENANT_SUSPENDED')
        for (let turn = 0; turn < 2; turn += 1) await keeper().resume?.(a)
        expect(await codeOf(put(handle(a)))).toBe('no error')
        expect(await codeOf(put(handle(b)))).toBe('TENANT_SUSPENDED')
      })

      it('L3 a suspended tenant is counted and erased behind its fence, which stays', async () => {
        await put(handle(a))
        await put(handle(b))
        await suspend(a, 1_000)
        const [count, others] = [(await ground.idsOf(a)).length, await ground.idsOf(b)]
        expect(await keeper().inventory?.(a)).toEqual([{ kind: 'rows', name: 'public.notes', count }])
        expect(await keeper().provision(a)).toBeUndefined()
        expect((await keeper().deprovision(a)).erased).toEqual([{ kind: 'rows', name: 'public.notes', count }])
        expect(await keeper().inventory?.(a)).toEqual([])
        expect(await ground.idsOf(b)).toEqual(others)
        expect(await codeOf(put(handle(a)))).toBe('TENANT_SUSPENDED')
      })
    },
    { through: seal === 'challenge' ? ['direct'] : ['direct', 'pgbouncer'] },
  )
}

describePostgres('the fence of pg-rls and who sees the past', server => {
  let ground: FenceGround
  const clients: pg.Client[] = []
  const gate = 'select tenancy.admits($1) as admits'
  beforeAll(async () => {
    ground = await fenceGround(server)
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.end()
    await keeper().resume?.(a)
  })
  afterAll(() => ground?.close())
  const keeper = () => ground.keeper
  const suspend = async (tenant: Tenant, deadline: number) => keeper().suspend?.(tenant, deadline)
  async function client(): Promise<pg.Client> {
    const made = await connect(ground.database.runtimeUrl)
    clients.push(made)
    return made
  }

  for (const level of ['repeatable read', 'serializable'] as const) {
    it(`L3 ${level}: whose snapshot is older than the fence, and asks behind it, is not let in`, async () => {
      const past = await client()
      await past.query(`begin isolation level ${level}`)
      await past.query('select 1')
      await suspend(a, 1_000)
      // It does not see the fence, and the lock is free.
      expect(await codeOf(past.query(gate, [a.id]))).toBe('40001')
      await past.query('rollback')
      await past.query(`begin isolation level ${level}`)
      expect((await past.query(gate, [a.id])).rows).toEqual([{ admits: false }])
      await past.query('rollback')
    })

    it(`L3 ${level}: with a snapshot that another transaction has handed on, neither`, async () => {
      const [first, second] = [await client(), await client()]
      await first.query(`begin isolation level ${level}`)
      const { rows } = await first.query('select pg_export_snapshot() as snapshot')
      await suspend(a, 1_000)
      await second.query(`begin isolation level ${level}; set transaction snapshot '${rows[0].snapshot}'`)
      expect(await codeOf(second.query(gate, [a.id]))).toBe('40001')
    })

    it(`L3 ${level}: who was inside goes on until the deadline, and so does every other tenant`, async () => {
      const [ofA, ofB] = [await client(), await client()]
      for (const [each, tenant] of [[ofA, a] as const, [ofB, b] as const]) {
        await each.query(`begin isolation level ${level}`)
        expect((await each.query(gate, [tenant.id])).rows).toEqual([{ admits: true }])
      }
      const suspending = suspend(a, 60_000)
      await suspend({ ...a, id: 'another' }, 1_000)
      for (const [each, tenant] of [[ofA, a] as const, [ofB, b] as const])
        expect((await each.query(gate, [tenant.id])).rows).toEqual([{ admits: true }])
      await ofA.query('commit')
      await suspending
      expect((await ofB.query(gate, [b.id])).rows).toEqual([{ admits: true }])
      await ofB.query('commit')
      await keeper().resume?.({ ...a, id: 'another' })
    })
  }

  it('L3 a statement that was sent in front of the suspension and got to the lock behind it is refused', async () => {
    // Stopped in the prefix, between its snapshot and the lock.
    const slow = await client()
    const holder = await client()
    await holder.query('select pg_advisory_lock(77)')
    const late = slow.query(
      `select case when pg_advisory_lock(77)::text is not null then tenancy.admits($1) end as admits`,
      [a.id],
    )
    const look = `select from pg_locks where locktype = 'advisory' and objid = 77 and not granted
      and database = (select oid from pg_database where datname = current_database())`
    while ((await ground.admin.query(look)).rowCount === 0) await new Promise(resolve => setTimeout(resolve, 2))
    await suspend(a, 1_000)
    await holder.query('select pg_advisory_unlock(77)')
    expect((await late).rows).toEqual([{ admits: false }])
  })

  it('L3 a suspension that failed half-way lets those who see the past in again with the next', async () => {
    await execute(ground.database.adminUrl, `select nextval('tenancy.fence_sequence')`)
    const past = await client()
    await past.query('begin isolation level repeatable read')
    expect(await codeOf(past.query(gate, [b.id]))).toBe('40001')
    await past.query('rollback')
    await suspend(a, 1_000)
    await past.query('begin isolation level repeatable read')
    expect((await past.query(gate, [b.id])).rows).toEqual([{ admits: true }])
    await past.query('rollback')
  })

  it('L3 whoever cannot end a session says so, and the tenant is not taken for fenced off', async () => {
    const weak = await fenceGround(server, { rights: false })
    try {
      const held = await weak
        .open()
        .handle(() => a)
        .connect()
      await held.query('begin')
      await put(held)
      const isolation = weak.open({ fence: { pool: weak.fencePool } })
      const failed = await isolation.suspend?.(a, 10).catch((error: unknown) => error)
      expect(failed).toMatchObject({ code: 'SUSPENSION_INCOMPLETE' })
      expect(String(failed)).toContain('pg_signal_backend')
      await held.query('commit')
      held.release()
      await put(weak.open().handle(() => a))
    } finally {
      await weak.close()
    }
  })

  it('L3 rows are counted of one tenant also where no policy says whose they are', async () => {
    const own = await fenceGround(server)
    try {
      await execute(
        own.database.ownerUrl,
        'create table loose (tenant_id text not null)',
        `insert into loose values ('a'), ('a'), ('b')`,
        `grant select on loose to ${own.database.runtimeRole}`,
      )
      const isolation = own.open({ onUnsafe: 'report' })
      expect(await isolation.inventory?.(a)).toEqual([{ kind: 'rows', name: 'public.loose', count: 2 }])
    } finally {
      await own.close()
    }
  })

  it('L3 without a pool for it nothing is suspended, and a bad deadline or pool is refused', async () => {
    const isolation = ground.open()
    expect([isolation.suspend, isolation.resume]).toEqual([undefined, undefined])
    for (const deadline of [-1, 0.5, Number.NaN, 2 ** 31])
      expect(await codeOf(suspend(a, deadline))).toBe('ARGUMENT_INVALID')
    const one = new pg.Pool({ max: 1 })
    expect(() => ground.open({ fence: { pool: one } })).toThrow(/at least two/)
    expect(() => installFence({ runtimeRole: 'one', fenceRole: 'one' })).toThrow(/another role/)
  })

  describe('verify', () => {
    let own: FenceGround
    beforeEach(async () => {
      own = await fenceGround(server)
    })
    afterEach(() => own.close())
    const found = async (options: Partial<PgRlsOptions> = {}) =>
      (await own.open(options).verify()).filter(({ id }) => id === 'L3').map(({ problem }) => problem)

    it('L3 finds nothing as it is installed, and a process that does not ask', async () => {
      expect(await own.open().verify()).toEqual([])
      const unasked = await own.open({ fence: false }).verify()
      expect(unasked.map(({ problem }) => problem)).toEqual(['is there, and this process does not ask it.'])
    })

    it.each([
      ['alter function tenancy.admits(text) stable', 'is not VOLATILE'],
      ['alter function tenancy.admits(text) security invoker', 'is not SECURITY DEFINER'],
      ['alter function tenancy.admits(text) set search_path = public', 'runs with settings'],
      ['revoke execute on function tenancy.admits(text) from RUNTIME', 'may not be called'],
      ['alter function tenancy.admits(text) owner to RUNTIME', 'belongs to'],
      ['grant delete on tenancy.fence to RUNTIME', 'could take the fence away'],
      ['grant usage on sequence tenancy.fence_sequence to RUNTIME', 'could take the fence away'],
      [
        `create or replace function tenancy.admits(text) returns boolean language plpgsql volatile security definer as $$ begin return true; end $$`,
        'is not the code',
      ],
      ['drop function tenancy.admits(text)', 'is missing'],
    ])('L3 finds %s', async (text, problem) => {
      const { runtimeRole } = own.database
      await execute(own.database.adminUrl, text.replace('RUNTIME', runtimeRole))
      const problems = await found()
      expect(problems).toHaveLength(1)
      expect(problems[0]).toContain(problem)
    })
  })

  it(
    'L3 C9 C19 nothing lands behind the fence in races of four processes, and nobody else is disturbed',
    async () => {
      const writers = Array.from({ length: 4 }, () => ground.open({ max: 4 }))
      const report = await raceTheFence({
        ...{ writers, keeper: keeper(), other: b, races },
        tenant: () => a,
        ids: tenant => ground.idsOf(tenant),
      })
      expect(report).toMatchObject({ late: 0, lost: 0, stalled: 0, disturbances: [] })
      expect(report.landed).toBeGreaterThan(races)
      // Whose time was over was ended with the connection, and may hear of it late.
      const known = ['TENANT_SUSPENDED', 'CONNECTION_LOST']
      expect([...report.refusals].filter(code => !known.includes(code))).toEqual([])
      expect(report.refusals).toContain('TENANT_SUSPENDED')
    },
    60_000 + races * 3_000,
  )
})
