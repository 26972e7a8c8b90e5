import type { Subject } from '../../subject.ts'
import type { Estate } from './estate.ts'
import { serverNames } from './names.ts'

/** Hands of an administrator on what the servers do for the application and its provisioner. */
export function backends({ servers }: Estate, applicationName: string): Pick<Subject, 'strike' | 'isBusy'> {
  const names = [applicationName, 'tenantry provisioner']
  return {
    async strike(how, random) {
      await servers[random.pick(serverNames)].admin.query(
        `select pg_${how}_backend(pid) from (select pid from pg_stat_activity where application_name = any ($1)
          order by md5(pid || $2) limit 1) victim`,
        [names, String(random.int(2 ** 30))],
      )
    },
    async isBusy() {
      const text = `select count(*)::int as busy from pg_stat_activity
        where application_name = any ($1) and (state <> 'idle' or state is null)`
      const answers = await Promise.all(serverNames.map(name => servers[name].admin.query(text, [names])))
      return answers.some(({ rows }) => rows[0].busy > 0)
    },
  }
}
