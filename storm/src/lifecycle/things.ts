import type { Participant } from '@tenantry/core'
import type pg from 'pg'

/** A participant whose store is a table: a row for each tenant, as real as a schema and cheaper. */
export function things(pool: pg.Pool): Participant {
  return {
    name: 'things',
    async provision({ id }) {
      await pool.query(`insert into things (tenant, state) values ($1, 'open') on conflict do nothing`, [id])
    },
    async deprovision({ id }) {
      const { rowCount } = await pool.query('delete from things where tenant = $1', [id])
      return { tenant: id, erased: [{ kind: 'thing', name: 'row', count: rowCount ?? 0 }] }
    },
    async suspend({ id }) {
      await pool.query(`update things set state = 'fenced' where tenant = $1`, [id])
    },
    async resume({ id }) {
      await pool.query(`update things set state = 'open' where tenant = $1`, [id])
    },
    async inventory({ id }) {
      const { rows } = await pool.query<{ n: number }>('select count(*)::int n from things where tenant = $1', [id])
      const count = rows[0]?.n ?? 0
      return count === 0 ? [] : [{ kind: 'thing', name: 'row', count }]
    },
  }
}
