import { describePostgres } from '@tenantry/servers/vitest'
import { describe, expect, it } from 'vitest'
import { turn, useDatabase, whoAmI } from './support.ts'

describePostgres('a connection that was just left', server => {
  const db = useDatabase(server)

  describe('is kept for this turn of the event loop', () => {
    it('whoever comes in it gets the connection past the pool, as the next tenant', async () => {
      const { pool, acme, globex } = db.bench()
      let acquired = 0
      pool.on('acquire', () => acquired++)
      expect((await acme.query(whoAmI)).rows).toEqual([{ tenant: 'acme' }])
      expect((await globex.query(whoAmI)).rows).toEqual([{ tenant: 'globex' }])
      expect([acquired, pool.totalCount, globex.idleCount]).toEqual([1, 1, 1])
    })

    it('then the pool has it', async () => {
      const { pool, acme } = db.bench()
      await acme.query('select 1')
      expect(pool.idleCount).toBe(0)
      await turn()
      expect(pool.idleCount).toBe(1)
    })
  })

  it('goes to the host who waits in the queue of the pool', async () => {
    const { pool, acme } = db.bench({ max: 1 })
    const first = acme.query('select 1')
    const host = pool.connect()
    const order: string[] = []
    const all = [
      first.then(() => acme.query('select 2')).then(() => order.push('statement')),
      host.then(client => {
        order.push('host')
        client.release()
      }),
    ]
    await Promise.all(all)
    expect(order).toEqual(['host', 'statement'])
  })

  it('goes through the pool now and then, which knows how old it may become', async () => {
    const { pool, acme } = db.bench({ max: 1 })
    let released = 0
    pool.on('release', () => released++)
    for (let use = 0; use < 250; use++) await acme.query('select 1')
    expect(released).toBe(2)
  })

  it('goes through the pool each time where the pool counts uses', async () => {
    const { pool, acme } = db.bench({ max: 1, maxUses: 3 })
    let removed = 0
    pool.on('remove', () => removed++)
    for (let use = 0; use < 9; use++) await acme.query('select 1')
    await turn()
    expect(removed).toBeGreaterThanOrEqual(2)
  })

  it('is closed with its pool, and serves nobody in between', async () => {
    const { pool, acme } = db.bench({ max: 1 })
    await acme.query('select 1')
    const ended = pool.end()
    await expect(acme.query('select 2')).rejects.toMatchObject({ code: 'SCOPE_CLOSED' })
    await ended
    expect(pool.totalCount).toBe(0)
  })
})
