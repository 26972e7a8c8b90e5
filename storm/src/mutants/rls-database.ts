import type pg from 'pg'
import { rls } from '../isolations/rls/rls.ts'
import type { Mutant } from '../mutant.ts'

// Mutants of the policies and of the seal's verifier.

const own = `tenant_id = nullif(current_setting('tenantry.tenant_id', true), '')`

function policy(kind: 'restrictive' | 'permissive', using: string, check: string): readonly string[] {
  return [
    'drop policy tenantry_tenant on notes',
    `create policy tenantry_tenant on notes as ${kind} for all to public using (${using}) with check (${check})`,
  ]
}

/** The verifier with a piece of its body cut out. */
async function verifierWithout(admin: pg.Pool, piece: RegExp): Promise<readonly string[]> {
  const { rows } = await admin.query<{ source: string }>(
    `select pg_get_functiondef('tenancy.current_tenant()'::regprocedure) as source`,
  )
  const source = rows[0]?.source ?? ''
  const cut = source.replace(piece, '')
  if (cut === source) throw new Error('The verifier has no such piece; look at pg-rls/src/seal/seal-sql.ts.')
  return [cut]
}

export const rlsDatabaseMutants: readonly Mutant[] = [
  {
    name: 'no-check',
    what: 'the policy has WITH CHECK (true)',
    kind: rls('none'),
    statements: () => policy('restrictive', own, 'true'),
  },
  {
    name: 'permissive',
    what: 'the policy is permissive, and OR-ed with the gate',
    kind: rls('none'),
    statements: () => policy('permissive', own, own),
  },
  {
    name: 'marks-open',
    what: 'one of two tables has no policy for tenants',
    kind: rls('none'),
    statements: () => ['drop policy tenantry_tenant on marks'],
  },
  {
    name: 'owner-not-forced',
    what: 'the application connects as the owner, and row security is not forced',
    kind: rls('none'),
    asOwner: true,
    statements: () => ['alter table notes no force row level security'],
  },
  {
    name: 'frozen-policy',
    what: 'the policy asks an IMMUTABLE function, which a prepared plan remembers',
    kind: rls('none'),
    statements: () => [
      `create function current_tenant_frozen() returns text language sql immutable
        as $$ select nullif(current_setting('tenantry.tenant_id', true), '') $$`,
      ...policy('restrictive', 'tenant_id = current_tenant_frozen()', 'tenant_id = current_tenant_frozen()'),
    ],
  },
  {
    name: 'seal-not-asked',
    what: 'the policy believes the setting, although the tenant is sealed',
    kind: rls('challenge'),
    statements: () => policy('restrictive', own, own),
  },
  {
    name: 'code-not-compared',
    what: 'the verifier compares everything but the authentication code',
    kind: rls('stamp'),
    statements: ({ admin }) => verifierWithout(admin, /\n\s+and pg_catalog\.sha256\([^;]*(?=;)/),
  },
  {
    name: 'challenge-not-compared',
    what: 'the verifier takes tokens of other transactions',
    kind: rls('challenge'),
    statements: ({ admin }) => verifierWithout(admin, /\n\s+and pg_catalog\.substr\(t, 3, 12\)[^\n]*/),
  },
  {
    name: 'stamp-for-ever',
    what: 'the verifier takes stamps of other connections and of long ago',
    kind: rls('stamp'),
    statements: ({ admin }) => verifierWithout(admin, /\n\s+and pg_catalog\.substr\(t, 3, 4\)[^\n]*\n[^\n]*/),
  },
]
