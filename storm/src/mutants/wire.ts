import type pg from 'pg'
import type { Mutant } from '../mutant.ts'
import { rewriteParse } from './rewrite-parse.ts'

// Mutants of what Tenantry writes in front of a statement.

interface Stream {
  write(messages: Buffer, ...rest: unknown[]): boolean
}

function onWrites(rewrite: (text: string) => string): (client: pg.Client) => void {
  return client => {
    const { stream } = (client as unknown as { connection: { stream: Stream } }).connection
    const write = stream.write.bind(stream)
    stream.write = (messages, ...rest) => write(rewriteParse(messages, rewrite), ...rest)
  }
}

const setting = /pg_catalog\.set_config\('tenantry\.tenant_id', \$1, true\) is null/

export const wireMutants: readonly Mutant[] = [
  {
    name: 'session-wide',
    what: 'the tenant is set for the session, and now and then not set at all',
    seal: 'none',
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
    seal: 'none',
    onConnect: onWrites(text => text.replace(setting, `$1 = ''`)),
  },
]
