import type { Complaint } from '../../subject.ts'
import type { Estate } from './estate.ts'
import { leasePrefix, serverNames } from './names.ts'

/** When the isolation is closed nobody can log in to any tenant's database any more, and nobody is in one. */
export async function auditLogins({ servers }: Estate, complain: Complaint): Promise<void> {
  for (const name of serverNames) {
    const { rows } = await servers[name].admin.query<{ line: string }>(
      `select 'the login ' || rolname || ' until ' || rolvaliduntil as line from pg_roles where starts_with(rolname, $1) and rolcanlogin
       union all select 'a session of ' || usename from pg_stat_activity where starts_with(usename, $1)`,
      [leasePrefix],
    )
    for (const { line } of rows) complain('audit', `on server ${name} there is still ${line}`)
  }
}
