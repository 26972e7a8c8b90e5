import type { Tenant } from '@tenantry/core'
import pg from 'pg'
import { Caught } from '../../caught.ts'
import { driverCodes, errorCode } from '../../error-code.ts'
import { count } from '../../tally.ts'
import { checkHostile, type Operation, refused } from '../../turn.ts'
import type { Brokerage } from './brokerage.ts'
import type { Estate } from './estate.ts'

/** With whose logins the attackers come. */
export interface LoginTerms {
  readonly estate: Estate
  readonly brokerage: Brokerage
}

/** How a server says that it does not want a login, or not in this database. */
const unwanted = ['42501', '28P01', '28000']

async function connectAs(
  { estate, brokerage }: LoginTerms,
  tenant: Tenant,
  to: Tenant,
): Promise<pg.Client | undefined> {
  const found = brokerage.lastOf(tenant)
  if (found === undefined) return undefined
  const client = new pg.Client({
    ...estate.at(to).server,
    database: `${to.placement.database}`,
    user: found.username,
    password: found.password.reveal(),
  })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** What the catalogue may not tell of others. None of these may have a row. */
const secrets = (other: Tenant): readonly string[] => [
  `select query as tag from pg_stat_activity where datname <> current_database() and usename is not null
    and query <> '<insufficient privilege>'`,
  `select datname::text as tag from pg_database where datname = '${other.placement.database}'
    and has_database_privilege(oid, 'connect')`,
  `select rolname::text as tag from pg_roles where rolname <> current_user and rolname <> session_user and rolname !~ '^pg_'
    and (pg_has_role(oid, 'usage') or pg_has_role(oid, 'member'))`,
  `select pid::text as tag from pg_stat_activity where datname <> current_database() and client_addr is not null`,
]

export const loginOperations = (terms: LoginTerms): readonly Operation[] => [
  {
    name: 'its own login in the database of another',
    share: 1,
    expects: driverCodes,
    async run(turn) {
      const { tenant, other } = turn
      let client: pg.Client | undefined
      try {
        client = await connectAs(terms, tenant, other)
      } catch (error) {
        const code = errorCode(error)
        if (!unwanted.includes(code)) throw error
        count(turn.world.tally.errors, code)
        return
      }
      if (client === undefined) return
      try {
        await refused(turn, ['42501'], async () =>
          checkHostile(turn, (await client.query('select tag from notes')).rows, false),
        )
        throw new Caught('wrong', `${tenant.id} could connect to the database of ${other.id}`)
      } finally {
        await client.end()
      }
    },
  },
  {
    name: 'what the catalogue tells of others',
    share: 1,
    async run(turn) {
      const text = turn.random.pick(secrets(turn.other))
      const [row] = (await turn.db.query(text)).rows
      if (row !== undefined) throw new Caught('leak', `${turn.tenant.id} learned ${row.tag} by ${text}`)
    },
  },
]
