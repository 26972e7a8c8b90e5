import { type EventEmitter, once } from 'node:events'
import { createTenancy, memoryRegistry, type Tenant } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { describe, expect, it } from 'vitest'
import { scopedPool, type TenantClient, type TenantPool } from '../src/index.ts'
import { acme, Cursor, globex, scope, turn, useDatabase, whoAmI } from './support.ts'

// `pg` calls back in the context of whoever opened the connection, or gave it back (finding 6, X1, X2).
describePostgres('the context of a callback', server => {
  const db = useDatabase(server)

  /** One connection, opened by globex, for the callbacks of acme. */
  async function setUp() {
    const { pool } = db.bench()
    const tenancy = createTenancy({ registry: memoryRegistry() })
    const handle = scopedPool({ pool, scope }).handle(tenancy.current)
    await tenancy.run(globex, () => handle.query('select 1'))
    const who = () => tenancy.maybeCurrent()?.id
    /** Runs work of acme while globex holds the only connection, which it gives back once the work waits for it. */
    async function behind<T>(work: (pool: TenantPool) => Promise<T>): Promise<T> {
      const lease = await tenancy.run(globex, () => handle.connect())
      const done = tenancy.run(acme, () => work(handle))
      while (pool.waitingCount === 0) await new Promise(setImmediate)
      tenancy.run(globex, () => lease.release())
      return done
    }
    async function transaction<T>(work: (lease: TenantClient) => Promise<T>): Promise<T> {
      return tenancy.run(acme, async () => {
        const lease = await handle.connect()
        await lease.query('begin')
        const result = await work(lease)
        lease.release()
        return result
      })
    }
    return { pool, tenancy, handle, who, behind, transaction }
  }

  /** Who is heard by a callback. */
  function heard(call: (callback: () => void) => unknown, who: () => string | undefined): Promise<string | undefined> {
    return new Promise(resolve => call(() => resolve(who())))
  }

  it('of pool.query, queued behind another tenant’s lease', async () => {
    const { behind, who } = await setUp()
    expect(await behind(pool => heard(callback => pool.query('select 1', callback), who))).toBe('acme')
    expect(await behind(pool => heard(callback => pool.query('select 1/0', callback), who))).toBe('acme')
  })

  it('of pool.connect, queued behind another tenant’s lease', async () => {
    const { behind, who } = await setUp()
    const id = await behind(
      pool =>
        new Promise(resolve => {
          pool.connect((_error, _client, done) => {
            done()
            resolve(who())
          })
        }),
    )
    expect(id).toBe('acme')
  })

  it('of promises', async () => {
    const { behind, who } = await setUp()
    expect(await behind(async pool => [(await pool.query(whoAmI)).rows[0].tenant, who()])).toEqual(['acme', 'acme'])
    const ids = await behind(async pool => {
      const lease = await pool.connect()
      const before = who()
      await lease.query('select 1')
      lease.release()
      return [before, who()]
    })
    expect(ids).toEqual(['acme', 'acme'])
  })

  it('of lease.query', async () => {
    const { transaction, who } = await setUp()
    const ids = await transaction(lease =>
      Promise.all([
        heard(callback => lease.query('select 1', callback), who),
        heard(callback => lease.query('select $1::int', [1], callback), who),
        heard(callback => lease.query('select 1/0', callback), who),
      ]),
    )
    expect(ids).toEqual(['acme', 'acme', 'acme'])
  })

  it('of lease.on and lease.once', async () => {
    const { transaction, who } = await setUp()
    const ids = await transaction(async lease => {
      const found: (string | undefined)[] = []
      lease.on('notice', () => void found.push(who()))
      lease.once('notice', () => void found.push(who()))
      await lease.query("do $$ begin raise notice 'x'; raise notice 'y'; end $$")
      return found
    })
    expect(ids).toEqual(['acme', 'acme', 'acme'])
  })

  describe('of a cursor', () => {
    it('read and close', async () => {
      const { transaction, who } = await setUp()
      const ids = await transaction(async lease => {
        const cursor = lease.query(new Cursor('select generate_series(1, 5)'))
        const first = await heard(callback => cursor.read(1, callback), who)
        const second = await heard(callback => cursor.read(1, callback), who)
        return [first, second, await heard(callback => cursor.close(callback), who)]
      })
      expect(ids).toEqual(['acme', 'acme', 'acme'])
    })

    it('read before it is sent, and its events', async () => {
      const { transaction, who } = await setUp()
      const ids = await transaction(async lease => {
        const cursor = new Cursor('select generate_series(1, 2)')
        const found: (string | undefined)[] = []
        cursor.on('row', () => void found.push(who()))
        cursor.on('end', () => void found.push(who()))
        const read = heard(callback => cursor.read(9, callback), who)
        const ended = once(cursor as unknown as EventEmitter, 'end')
        lease.query(cursor)
        found.push(await read)
        await ended
        return found
      })
      expect(ids).toEqual(['acme', 'acme', 'acme', 'acme'])
    })

    it('submit, from the queue', async () => {
      const { transaction, who } = await setUp()
      let id: string | undefined
      await transaction(async lease => {
        const first = lease.query(new Cursor('select 1'))
        const second = new Cursor('select 2')
        const { submit } = second
        second.submit = function (...args) {
          id = who()
          return submit.apply(this, args)
        }
        lease.query(second)
        await first.read(9)
        await second.read(9)
      })
      expect(id).toBe('acme')
    })

    it('that fails', async () => {
      const { transaction, who } = await setUp()
      const id = await transaction(lease => {
        const cursor = lease.query(new Cursor('select 1/0'))
        return heard(callback => cursor.read(1, callback), who)
      })
      expect(id).toBe('acme')
    })
  })

  it('of types and values of the caller’s own, also in the queue of a lease', async () => {
    const { tenancy, handle, transaction, who } = await setUp()
    const found: [string, string | undefined][] = []
    const note = (what: string) => void found.push([what, who()])
    const types = {
      getTypeParser() {
        note('types')
        return (value: string) => {
          note('parser')
          return value
        }
      },
    }
    const value = (what: string) => ({
      [what]() {
        note(what)
        return 'x'
      },
    })
    const named = { name: 'typed', text: 'select 1', types }
    await tenancy.run(acme, () => handle.query(named))
    await tenancy.run(acme, () => handle.query(named))
    await transaction(lease =>
      Promise.all([
        lease.query('select 1'),
        lease.query('select $1::text', [value('toPostgres')]),
        lease.query('select $1::text', [[value('toJSON')]]),
        lease.query({ text: 'select 1', types }),
      ]),
    )
    const expected = ['types', 'parser', 'types', 'parser', 'toPostgres', 'toJSON', 'types', 'parser']
    expect(found).toEqual(expected.map(what => [what, 'acme']))
  })

  it('of the parsers of a pool', async () => {
    const found: (string | undefined)[] = []
    const tenancy = createTenancy({ registry: memoryRegistry() })
    const types = {
      getTypeParser: () => (value: string) => {
        found.push(tenancy.maybeCurrent()?.id)
        return value
      },
    }
    const { pool } = db.bench({ types })
    const handle = scopedPool({ pool, scope }).handle(tenancy.current)
    for (const tenant of [globex, acme]) await tenancy.run(tenant, () => handle.query('select 1'))
    expect(found).toEqual(['globex', 'acme'])
  })

  it('of two tenants that share one connection in turn', async () => {
    const { tenancy, handle, who } = await setUp()
    const tenants: readonly Tenant[] = [acme, globex]
    const works = Array.from({ length: 40 }, (_, at) => tenants[at % 2] as Tenant)
    const answers = await Promise.all(
      works.map((tenant, at) =>
        tenancy.run(tenant, async () => {
          const form = at % 3
          if (form === 0) return [(await handle.query({ name: 'w', text: whoAmI })).rows[0].tenant, who()]
          if (form === 1) {
            const lease = await handle.connect()
            const { rows } = await lease.query(whoAmI)
            lease.release()
            return [rows[0].tenant, who()]
          }
          return new Promise(resolve => {
            void handle.query(whoAmI, (_error: Error, { rows }: { rows: { tenant: string }[] }) =>
              resolve([rows[0]?.tenant, who()]),
            )
          })
        }),
      ),
    )
    expect(answers).toEqual(works.map(({ id }) => [id, id]))
  })

  it('what a callback throws is an uncaught exception, as with pg, and the connection goes on', async () => {
    const { pool, tenancy, handle } = await setUp()
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    try {
      const caught = once(process, 'uncaughtException')
      tenancy.run(acme, () => {
        void handle.query('select 1', () => {
          throw new Error('of the callback')
        })
      })
      expect((await caught)[0]).toMatchObject({ message: 'of the callback' })
    } finally {
      for (const listener of others) process.on('uncaughtException', listener)
    }
    await turn()
    expect(pool.idleCount).toBe(1)
  })
})
