import type { Subject } from '../../subject.ts'
import type { Estate } from './estate.ts'
import { keyPrefix, serverNames } from './names.ts'

/** Hands of an administrator on what the servers do for the application and its provisioner. */
export function backends({ servers }: Estate, applicationName: string): Pick<Subject, 'strike' | 'isBusy'> {
  // Every provisioner on this server has that name, also those of others who test beside the storm; the roles are the storm's own.
  const own = `(application_name = $1 or (application_name = 'tenantry provisioner' and starts_with(usename, $2)))`
  const values = [applicationName, keyPrefix]
  return {
    async strike(how, random) {
      await servers[random.pick(serverNames)].admin.query(
        `select pg_${how}_backend(pid) from (select pid from pg_stat_activity where ${own}
          order by md5(pid || $3) limit 1) victim`,
        [...values, String(random.int(2 ** 30))],
      )
    },
    async isBusy() {
      const text = `select count(*)::int as busy from pg_stat_activity
        where ${own} and (state <> 'idle' or state is null)`
      const answers = await Promise.all(serverNames.map(name => servers[name].admin.query(text, values)))
      return answers.some(({ rows }) => rows[0].busy > 0)
    },
  }
}
