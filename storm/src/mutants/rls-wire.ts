import { rls } from '../isolations/rls/rls.ts'
import type { Mutant } from '../mutant.ts'
import { onWrites } from './on-writes.ts'

// Mutants of what Tenantry writes in front of a statement.

const setting = /pg_catalog\.set_config\('tenantry\.tenant_id', \$1, true\) is null/

export const rlsWireMutants: readonly Mutant[] = [
  {
    name: 'session-wide',
    what: 'the tenant is set for the session, and now and then not set at all',
    kind: rls('none'),
    onConnect: onWrites(text =>
      text.replace(
        setting,
        `case when random() < 0.95 then pg_catalog.set_config('tenantry.tenant_id', $1, false) end = ''`,
      ),
    ),
  },
  {
    name: 'no-prefix',
    what: 'a statement goes out without its tenant',
    kind: rls('none'),
    onConnect: onWrites(text => text.replace(setting, `$1 = ''`)),
  },
]
