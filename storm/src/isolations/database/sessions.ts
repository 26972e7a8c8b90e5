import { setTimeout as sleep } from 'node:timers/promises'
import type { PgDatabase } from '@tenantry/pg-database'
import type pg from 'pg'
import { driverCodes, errorCode } from '../../error-code.ts'
import { leasing } from '../../transaction.ts'
import { expectThat, type Operation } from '../../turn.ts'
import { residueQuery } from '../postgres/residue.ts'
import { loginsOf, ownerOf } from './names.ts'

/** A login is the tenant's role from when it connects. */
const ownRole = `select 'the role ' || current_user where current_user = session_user`

const residue = residueQuery([ownRole])

const closedCodes = [...driverCodes, 'Error: Client was closed and is not queryable']

/** What stands on connections when nobody uses any of them. */
export async function sessionResidue(
  { metrics }: Pick<PgDatabase, 'metrics'>,
  clients: ReadonlySet<pg.Client>,
): Promise<readonly string[]> {
  const found: string[] = []
  const inUse = () => {
    const { busy, opening, closing } = metrics().connections
    return busy + opening + closing
  }
  // What was struck last is still being closed.
  for (const deadline = performance.now() + 10_000; inUse() > 0; await sleep(20)) {
    if (performance.now() > deadline) return [`${inUse()} connections that nobody gives back`]
  }
  for (const client of clients) {
    if (client.getTransactionStatus() !== 'I') found.push('an open transaction')
    // One that grows old is closed, whoever looks at it.
    const { rows } = await client.query<{ residue: string }>(residue.text, residue.values).catch((error: unknown) => {
      if (!closedCodes.includes(errorCode(error))) throw error
      return { rows: [] }
    })
    found.push(...rows.map(row => row.residue))
  }
  return found
}

const who = `select current_user::text as role, session_user::text as login, current_database()::text as database,
  (select tenant from tenantry.identity) as tenant`

export const sessionOperations: readonly Operation[] = [
  {
    name: 'who it is',
    share: 1,
    run: turn =>
      leasing(turn, async client => {
        const [row] = (await client.query(who)).rows
        const { tenant } = turn
        const isOwn =
          row?.role === ownerOf(tenant) &&
          row.login.startsWith(loginsOf(tenant)) &&
          row.database === tenant.placement.database
        expectThat(isOwn && row.tenant === tenant.id, `${tenant.id} is ${JSON.stringify(row)}`)
      }),
  },
  {
    name: 'a connection as the next one of the tenant finds it',
    share: 1,
    run: turn =>
      leasing(turn, async client => {
        const { rows } = await client.query(residue.text, residue.values)
        expectThat(rows.length === 0, `${turn.tenant.id} found ${rows[0]?.residue}`)
      }),
  },
]
