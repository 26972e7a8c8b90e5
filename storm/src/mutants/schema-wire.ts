import { schema } from '../isolations/schema/schema.ts'
import type { Mutant } from '../mutant.ts'
import { onWrites } from './on-writes.ts'

// Mutants of what pg-schema writes in front of a statement, and after BEGIN.

const path = `pg_catalog.set_config('search_path', $1, true)`
const role = `pg_catalog.set_config('role', $2, true)`
const condition = / or case when .* end$/

/** Rewrites the prefix, and statements after BEGIN. Texts that are not as above any more leave the mutant well, and a test fails. */
function rewriting(prefix: (text: string) => string, utility: (text: string) => string = text => text) {
  return onWrites(text => (text.startsWith('select where ') && text.includes(path) ? prefix(text) : utility(text)))
}

/** What the tenant's role may do, everybody may. */
const grantsTo = (grantee: string) => [
  `do $$ declare name text; begin
    for name in select nspname from pg_namespace where nspname like 't\\_%' loop
      execute format('grant usage on schema %I to ${grantee}', name);
      execute format('grant all on all tables in schema %I to ${grantee}', name);
      execute format('grant all on all sequences in schema %I to ${grantee}', name);
    end loop;
  end $$`,
]

/** The value of now, or now and then the one of the statement before on this connection. */
const orBefore = (now: string, before: string) =>
  `case when current_setting('storm.late') = 'true' then coalesce(nullif(current_setting('${before}', true), ''), ${now}) else ${now} end`

export const schemaWireMutants: readonly Mutant[] = [
  {
    name: 'path-without-role',
    what: 'the path is set and the role is not, so that the login itself may use every schema',
    kind: schema,
    statements: ({ database: { runtimeRole, provisionerRole } }) => [
      ...grantsTo(runtimeRole),
      ...['usage on schemas', 'all on tables', 'all on sequences'].map(
        what => `alter default privileges for role ${provisionerRole} grant ${what} to ${runtimeRole}`,
      ),
    ],
    onConnect: rewriting(
      text => text.replace(`${role} is null`, `$2 = ''`),
      text => text.replace(/^set local "role" = /, 'set local storm.role = '),
    ),
  },
  {
    name: 'open-to-all',
    what: 'a migration has granted every table to everybody',
    kind: schema,
    statements: () => grantsTo('public'),
  },
  {
    name: 'through-to-public',
    what: 'the path goes on to public, and nobody asks for the schema',
    kind: schema,
    onConnect: rewriting(
      text => text.replace(path, path.replace('$1', `$1 || ',public'`)).replace(condition, ''),
      text => text.replace(/^set local "search_path" = .*/, `$&, 'public'`),
    ),
  },
  {
    name: 'not-asked-for',
    what: 'nobody asks whether the schema is there',
    kind: schema,
    onConnect: rewriting(text => text.replace(condition, '')),
  },
  {
    name: 'role-for-the-session',
    what: 'the role is set for the session, and stays on the connection',
    kind: schema,
    onConnect: rewriting(text => text.replace(role, role.replace('true', 'false'))),
  },
  {
    name: 'tenant-before',
    what: 'now and then the values of the tenant before are sent once more',
    kind: schema,
    onConnect: rewriting(text =>
      [
        `select where set_config('storm.late', (random() < 0.05)::text, true) is null`,
        `set_config('search_path', ${orBefore('$1', 'storm.path')}, true) is null`,
        `set_config('role', ${orBefore('$2', 'storm.role')}, true) is null`,
        `set_config('storm.path', $1, false) is null`,
        `set_config('storm.role', $2, false) is null`,
        ...(text.includes(role) ? [] : ['the role is set in another way']),
      ].join(' or '),
    ),
  },
  {
    name: 'temporary-first',
    what: 'pg_temp is not in the path, so that it comes first',
    kind: schema,
    onConnect: rewriting(
      text => text.replace(path, path.replace('$1', `pg_catalog.replace($1, ',pg_temp', '')`)),
      text => text.replace(/^(set local "search_path" = .*), 'pg_temp'$/, '$1'),
    ),
  },
]
