import { randomBytes } from 'node:crypto'
import type { Finding } from '@tenantry/core'
import { quoteIdentifier } from '@tenantry/pg'
import type { FreshDatabase } from '@tenantry/servers'
import { describePostgres, type PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { expect, it } from 'vitest'
import { versionFindings } from '../src/checks/version-checks.ts'
import { type PgRlsOptions, pgRls, type SealMode, sealKeyStatement } from '../src/index.ts'
import { protectTable } from '../src/protect-table.ts'
import { createVerifier, installSeal } from '../src/seal/seal-sql.ts'
import { testKey } from './sealed-bench.ts'
import { execute, recorder } from './support.ts'

/** A clean database, and a runtime role of its own whose name needs quotes. */
interface Bench {
  readonly database: FreshDatabase
  /** The runtime role, quoted. */
  readonly role: string
  readonly roleName: string
  /** The role that owns the seal, quoted. */
  readonly sealOwner: string
  /** Makes a role that goes with the bench; gives its quoted name. */
  makeRole(attributes?: string): Promise<string>
  verify(options?: Partial<PgRlsOptions>): Promise<readonly Finding[]>
  /** Statements that were sent by the last `verify`. */
  sent(): number
}

async function onBench(
  server: PostgresForTests,
  test: (bench: Bench) => Promise<void>,
  seal?: SealMode,
): Promise<void> {
  const database = await server.freshDatabase()
  const roles: string[] = []
  let statements = 0
  const roleName = `App "${randomBytes(4).toString('hex')}"`
  async function makeRole(attributes = '', name = `Role ${randomBytes(4).toString('hex')}`): Promise<string> {
    await execute(database.adminUrl, `create role ${quoteIdentifier(name)} ${attributes}`)
    roles.push(quoteIdentifier(name))
    return quoteIdentifier(name)
  }
  const role = await makeRole(`login password 'secret'`, roleName)
  const url = new URL(database.runtimeUrl)
  url.username = encodeURIComponent(roleName)
  url.password = 'secret'
  try {
    await execute(
      database.adminUrl,
      `grant connect on database ${quoteIdentifier(database.name)} to ${role}`,
      `grant usage on schema public to ${role}`,
    )
    // The seal's owner is the cluster's: one of its own for each bench, so that a trap is nobody else's.
    const ownerRole = `Seal ${randomBytes(4).toString('hex')}`
    const key = testKey()
    if (seal !== undefined) {
      await makeRole('', ownerRole)
      await execute(
        database.adminUrl,
        ...installSeal({ mode: seal, runtimeRole: roleName, tableOwner: database.ownerRole, ownerRole }),
      )
      const client = new pg.Client({ connectionString: database.adminUrl })
      await client.connect()
      await client.query(sealKeyStatement(key) as pg.QueryConfig)
      await client.end()
    }
    const sealed = seal === undefined ? {} : { seal, sealKeys: () => key }
    await execute(
      database.ownerUrl,
      'create table notes (id bigint generated always as identity, body text)',
      ...protectTable('notes', { runtimeRole: roleName, index: false, seal: seal !== undefined }),
      'alter table notes add primary key (tenant_id, id)',
      'create table plans (id int primary key)',
      `grant select on plans to ${role}`,
    )
    await test({
      database,
      role,
      roleName,
      sealOwner: quoteIdentifier(ownerRole),
      makeRole: attributes => makeRole(attributes),
      async verify(options) {
        const pool = new pg.Pool({ connectionString: url.href, max: 1 })
        statements = 0
        pool.on('connect', client => {
          const send = client.query.bind(client) as (...args: unknown[]) => unknown
          Object.assign(client, {
            query: (...args: unknown[]) => {
              statements += 1
              return send(...args)
            },
          })
        })
        try {
          return await pgRls({ pool, shared: ['public.plans'], logger: recorder(), ...sealed, ...options }).verify()
        } finally {
          await pool.end()
        }
      },
      sent: () => statements,
    })
  } finally {
    await database.drop()
    for (const name of roles.reverse())
      await execute(database.adminUrl.replace(`/${database.name}`, '/postgres'), `drop role ${name}`)
  }
}

interface Trap {
  readonly trap: string
  /** Run as the owner, or as the superuser. */
  readonly owner?: (bench: Bench) => readonly string[] | Promise<readonly string[]>
  readonly admin?: (bench: Bench) => readonly string[] | Promise<readonly string[]>
  /** `severity id object`, all of them; `ROLE` stands for the runtime role's name. */
  readonly finds: readonly string[]
  readonly problem?: RegExp
  readonly options?: Partial<PgRlsOptions>
}

const value = `nullif(current_setting('tenantry.tenant_id', true), '')`
const notes = 'table public.notes'
function tenantPolicy(using: string, kind = 'restrictive'): string[] {
  return ['drop policy tenantry_tenant on notes', `create policy tenantry_tenant on notes as ${kind} using (${using})`]
}
const child = (runtimeRole: string, ...more: string[]): string[] => [
  'create table parts (id bigint, note_id bigint, body text)',
  ...protectTable('parts', { index: false, runtimeRole }),
  'alter table parts add primary key (tenant_id, id)',
  ...more,
]

const traps: readonly Trap[] = [
  { trap: 'R1 no FORCE', owner: () => ['alter table notes no force row level security'], finds: [`error R1 ${notes}`] },
  {
    trap: 'R1 the runtime role is the owner',
    admin: b => [`alter table notes owner to ${b.role}`],
    finds: [`error R1 ${notes}`],
  },
  {
    trap: 'R1 the runtime role owns it without any privilege',
    admin: b => [`alter table notes owner to ${b.role}`, `revoke all on notes from ${b.role}`],
    finds: [`error R1 ${notes}`],
  },
  {
    trap: 'R1 the runtime role can become the owner',
    admin: b => [`grant ${b.database.ownerRole} to ${b.role}`],
    finds: ['error R26 role ROLE', 'warning R38 schema public', `error R1 ${notes}`],
  },
  { trap: 'R2 BYPASSRLS', admin: b => [`alter role ${b.role} bypassrls`], finds: ['error R2 role ROLE'] },
  { trap: 'R2 superuser', admin: b => [`alter role ${b.role} superuser`], finds: ['error R2 role ROLE'] },
  {
    trap: 'R2 member of a member of a role with BYPASSRLS',
    admin: async b => {
      const [boss, middle] = [await b.makeRole('bypassrls'), await b.makeRole()]
      return [`grant ${boss} to ${middle}`, `grant ${middle} to ${b.role}`]
    },
    finds: ['error R2 role ROLE'],
  },
  {
    trap: 'R2 member without inheritance, by SET ROLE only',
    admin: async b => [`alter role ${b.role} noinherit`, `grant ${await b.makeRole('bypassrls')} to ${b.role}`],
    finds: ['error R2 role ROLE'],
  },
  {
    trap: 'R3 view of another owner',
    owner: b => ['create view "My View" as select * from notes', `grant select on "My View" to ${b.role}`],
    finds: ['error R3 view public.My View'],
  },
  {
    trap: 'R3 view over a view, by a grant on one column',
    owner: b => [
      'create view deep as select * from notes',
      'create view top as select * from deep',
      `grant select (body) on top to ${b.role}`,
    ],
    finds: ['error R3 view public.top'],
  },
  {
    trap: 'R4 materialised view, granted to PUBLIC',
    owner: () => ['create materialized view "All" as select * from notes', 'grant select on "All" to public'],
    finds: ['error R4 materialized view public.All'],
  },
  {
    trap: 'R5 SECURITY DEFINER function of a superuser',
    admin: () => [
      'create type "Kind" as enum (\'x\')',
      `create function "Every one"("Kind", text) returns bigint language sql security definer set search_path = pg_catalog, pg_temp
       as 'select count(*) from public.notes'`,
    ],
    finds: ['error R5 function public."Every one"(public."Kind",text)'],
  },
  {
    trap: 'R5 SECURITY DEFINER procedure of a superuser',
    admin: () => [`create procedure purge() language sql security definer as 'delete from public.notes'`],
    finds: ['error R5 function public.purge()'],
  },
  {
    trap: 'R5 SECURITY DEFINER function without a search_path',
    owner: () => [
      `create function mine() returns bigint language sql security definer as 'select count(*) from public.notes'`,
    ],
    finds: ['warning R5 function public.mine()'],
  },
  {
    trap: 'R6 row security off',
    owner: () => ['alter table notes disable row level security'],
    finds: [`error R6 ${notes}`],
  },
  {
    trap: 'R6 no tenant column',
    owner: b => ['create table "Log s" (id int)', `grant select on "Log s" to ${b.role}`],
    finds: ['error R6 table public.Log s'],
  },
  {
    trap: 'R6 reachable by a grant on one column to PUBLIC',
    owner: () => ['create table logs (id int)', 'grant select (id) on logs to public'],
    finds: ['error R6 table public.logs'],
  },
  {
    trap: 'R6 a dropped tenant column is none',
    owner: () => [
      'create table logs (tenant_id text, id int)',
      'alter table logs drop column tenant_id',
      'grant select on logs to public',
    ],
    finds: ['error R6 table public.logs'],
  },
  { trap: 'R6 no tenant policy', owner: () => ['drop policy tenantry_tenant on notes'], finds: [`error R6 ${notes}`] },
  {
    trap: 'R6 the tenant policy is for another role',
    owner: b => [
      'drop policy tenantry_tenant on notes',
      `create policy tenantry_tenant on notes as restrictive to ${b.database.ownerRole} using (tenant_id = (select ${value}))`,
    ],
    finds: [`error R6 ${notes}`],
  },
  {
    trap: 'R6 the tenant policy is for one command',
    owner: () => [
      'drop policy tenantry_tenant on notes',
      `create policy tenantry_tenant on notes as restrictive for select using (tenant_id = (select ${value}))`,
    ],
    finds: [`error R6 ${notes}`],
  },
  {
    trap: 'R6 the tenant policy has a way round',
    owner: () => tenantPolicy(`tenant_id = (select ${value}) or body = 'public'`),
    finds: [`error R6 ${notes}`],
    problem: /more than rows/,
  },
  {
    trap: 'R6 the tenant policy compares another column',
    owner: () => tenantPolicy(`body = (select ${value})`),
    finds: [`error R6 ${notes}`],
    problem: /more than rows/,
  },
  {
    trap: 'R6 the tenant policy compares a part of the id',
    owner: () => tenantPolicy(`tenant_id = (select ${value}::varchar(3))`),
    finds: [`error R6 ${notes}`],
    problem: /more than rows/,
  },
  {
    trap: 'R6 a table in a schema that nobody thought of',
    owner: b => [
      'create schema attic',
      `grant usage on schema attic to ${b.role}`,
      'create table attic.letters (tenant_id text, body text)',
      `grant select on attic.letters to ${b.role}`,
      ...protectTable('letters', { schema: 'attic' }),
      'alter table attic.letters disable row level security',
    ],
    finds: ['error R6 table attic.letters'],
  },
  {
    trap: 'R6 a schema that does not exist',
    finds: ['error R6 schema Pubic'],
    options: { schemas: ['public', 'Pubic'] },
  },
  {
    trap: 'R7 a weaker WITH CHECK',
    owner: () => [
      'drop policy tenantry_tenant on notes',
      `create policy tenantry_tenant on notes as restrictive using (tenant_id = (select ${value})) with check (true)`,
    ],
    finds: [`error R7 ${notes}`],
  },
  {
    trap: 'R8 a permissive tenant policy only',
    owner: () => tenantPolicy(`tenant_id = (select ${value})`, 'permissive'),
    finds: [`error R8 ${notes}`],
  },
  {
    trap: 'R8 no permissive policy',
    owner: () => ['drop policy tenantry_gate on notes'],
    finds: [`warning R8 ${notes}`],
  },
  {
    trap: 'R9 the tenant column can be null',
    owner: () => [
      'alter table notes drop constraint notes_pkey',
      'alter table notes alter tenant_id drop not null',
      'create index on notes (tenant_id)',
    ],
    finds: [`error R9 ${notes}`],
  },
  {
    trap: 'R9 the setting without nullif',
    owner: () => tenantPolicy(`tenant_id = current_setting('tenantry.tenant_id', true)`),
    finds: [`error R9 ${notes}`],
  },
  {
    trap: 'R10 another setting',
    owner: () => tenantPolicy(`tenant_id = (select nullif(current_setting('tenantry.tennant_id', true), ''))`),
    finds: [`error R10 ${notes}`],
  },
  {
    trap: 'R14 an IMMUTABLE function in a policy',
    owner: () => [
      `create function "Who"() returns text immutable language sql as $$ select ${value} $$`,
      'create policy more on notes as restrictive using (tenant_id = "Who"())',
    ],
    finds: [`error R14 ${notes}`],
  },
  {
    trap: 'R19 R20 a foreign key without the tenant, and the key that it leans on',
    owner: b => [
      'alter table notes add constraint "Notes Id" unique (id)',
      ...child(
        b.roleName,
        'alter table parts add constraint "Note" foreign key (note_id) references notes (id) on delete set null deferrable',
      ),
    ],
    finds: [`warning R20 ${notes}`, 'error R19 table public.parts'],
  },
  {
    trap: 'R19 a foreign key whose tenant stands in another place',
    owner: b =>
      child(
        b.roleName,
        'alter table parts add column other text',
        'alter table parts add constraint note foreign key (other, note_id) references notes (tenant_id, id) on delete cascade',
      ),
    finds: ['error R19 table public.parts'],
  },
  {
    trap: 'R20 a primary key without the tenant',
    owner: () => [
      'alter table notes drop constraint notes_pkey',
      'alter table notes add primary key (id)',
      'create index on notes (tenant_id)',
    ],
    finds: [`warning R20 ${notes}`],
  },
  {
    trap: 'R20 the tenant is only included in a unique index',
    owner: () => ['create unique index "By body" on notes (body) include (tenant_id) where id > 0'],
    finds: [`warning R20 ${notes}`],
  },
  {
    trap: 'R20 a unique index over an expression',
    owner: () => ['create unique index on notes (lower(body) desc)'],
    finds: [`warning R20 ${notes}`],
  },
  { trap: 'R23 TRUNCATE granted', owner: b => [`grant truncate on notes to ${b.role}`], finds: [`error R23 ${notes}`] },
  {
    trap: 'R23 TRUNCATE of a shared table',
    owner: () => ['grant truncate on plans to public'],
    finds: ['error R23 table public.plans'],
  },
  {
    trap: 'R23 TRUNCATE through a role without inheritance',
    admin: async b => {
      const helper = await b.makeRole()
      return [`alter role ${b.role} noinherit`, `grant truncate on notes to ${helper}`, `grant ${helper} to ${b.role}`]
    },
    finds: [`error R23 ${notes}`],
  },
  {
    trap: 'R23 REFERENCES and TRIGGER granted',
    owner: b => [`grant references, trigger on notes to ${b.role}`],
    finds: [`warning R23 ${notes}`, `warning R23 ${notes}`],
  },
  {
    trap: 'R23 REFERENCES granted on one column',
    owner: b => [`grant references (id) on notes to ${b.role}`],
    finds: [`warning R23 ${notes}`],
  },
  {
    trap: 'R26 temporary tables',
    owner: b => [`grant temporary on database ${quoteIdentifier(b.database.name)} to public, ${b.role}`],
    finds: ['error R26 role ROLE'],
  },
  {
    trap: 'R38 CREATE on the schema',
    owner: () => ['grant create on schema public to public'],
    finds: ['warning R38 schema public'],
  },
  {
    trap: 'R42 a foreign table',
    admin: b => [
      'create foreign data wrapper nowhere',
      'create server nowhere foreign data wrapper nowhere',
      'create foreign table far (tenant_id text) server nowhere',
      `grant select on far to ${b.role}`,
    ],
    finds: ['error R42 table public.far'],
  },
  {
    trap: 'R44 no index but a partial and an invalid one',
    owner: () => ['alter table notes drop constraint notes_pkey', `create index on notes (tenant_id) where body <> ''`],
    finds: [`warning R44 ${notes}`],
  },
  {
    trap: 'R32 a partition with a grant of its own',
    owner: b => [
      'create table days (day int, body text) partition by range (day)',
      ...protectTable('days', { runtimeRole: b.roleName }),
      'create table days_1 partition of days for values from (1) to (2)',
      'create table days_2 partition of days for values from (2) to (3)',
      `grant select on days_1 to ${b.role}`,
    ],
    finds: [
      'error R6 table public.days_1',
      'error R1 table public.days_1',
      'error R6 table public.days_1',
      'warning R8 table public.days_1',
    ],
  },
]

const stored = (what: string) => [`error R12 ${what}`]
const late = `create function late() returns trigger language plpgsql security definer`

/** What the server, the database and predefined roles allow. */
const serverTraps: readonly Trap[] = [
  {
    trap: 'R2 a predefined role that reads files',
    admin: b => [`grant pg_read_server_files to ${b.role}`],
    finds: ['error R2 role ROLE'],
  },
  {
    trap: 'R2 predefined roles that write files and run programs, through another',
    admin: async b => {
      const helper = await b.makeRole()
      return [`grant pg_write_server_files, pg_execute_server_program to ${helper}`, `grant ${helper} to ${b.role}`]
    },
    finds: ['error R2 role ROLE', 'error R2 role ROLE'],
  },
  {
    trap: 'R12 the setting stored for the role',
    admin: b => [`alter role ${b.role} set tenantry.tenant_id = 'acme'`],
    finds: stored('role ROLE'),
  },
  {
    trap: 'R12 the setting stored for the database',
    admin: b => [`alter database ${quoteIdentifier(b.database.name)} set tenantry.tenant_id = 'acme'`],
    finds: stored('database DATABASE'),
  },
  {
    trap: 'R18 statistics that row security hides',
    admin: b => [`grant select on pg_catalog.pg_statistic to ${b.role}`],
    finds: ['error R18 catalogue pg_statistic'],
  },
  {
    trap: 'R25 large objects without privileges',
    admin: b => [`alter database ${quoteIdentifier(b.database.name)} set lo_compat_privileges = on`],
    finds: ['warning R25 database DATABASE'],
  },
  {
    trap: 'R25 a large object of the role',
    admin: b => [
      `do $$ begin execute format('alter large object %s owner to %s', lo_create(0), ${pg.escapeLiteral(b.role)}); end $$`,
    ],
    finds: ['warning R25 database DATABASE'],
    problem: /no policy holds/,
  },
  {
    trap: 'R25 a large object of another role, granted to PUBLIC',
    admin: () => [`do $$ begin execute format('grant select on large object %s to public', lo_create(0)); end $$`],
    finds: ['warning R25 database DATABASE'],
  },
  {
    trap: 'R2 R25 large objects to and from files of the server',
    admin: async b => {
      const helper = await b.makeRole()
      return [
        `grant execute on function lo_export(oid, text) to ${helper}, public`,
        `grant execute on function lo_import(text, oid) to ${b.role}`,
        `alter role ${b.role} noinherit`,
        `grant ${helper} to ${b.role}`,
      ]
    },
    finds: ['error R2 function pg_catalog.lo_export(oid,text)', 'error R2 function pg_catalog.lo_import(text,oid)'],
  },
  {
    trap: 'R29 pg_monitor',
    admin: b => [`grant pg_monitor to ${b.role}`],
    finds: ['warning R29 role ROLE'],
  },
  {
    trap: 'R29 pg_read_all_stats',
    admin: b => [`grant pg_read_all_stats to ${b.role}`],
    finds: ['warning R29 role ROLE'],
  },
  {
    trap: 'R31 a LEAKPROOF function',
    admin: () => [`create function "Peek"(text) returns boolean leakproof language sql as 'select true'`],
    finds: ['error R31 function public."Peek"(text)'],
  },
  {
    trap: 'R34 a SECURITY DEFINER trigger of a superuser',
    admin: () => [
      `${late} set search_path = pg_catalog, pg_temp as 'begin return new; end'`,
      'create trigger late after insert on notes for each row execute function late()',
    ],
    finds: ['error R34 trigger late on public.notes'],
  },
  {
    trap: 'R34 a SECURITY DEFINER trigger without a search_path',
    owner: () => [
      `${late} as 'begin return new; end'`,
      'create trigger late after insert on notes for each row execute function late()',
    ],
    finds: ['warning R34 trigger late on public.notes'],
  },
  {
    trap: 'R34 a rule',
    owner: () => ['create rule "Copy" as on delete to notes do also select 1'],
    finds: [`warning R34 ${notes}`],
  },
  {
    trap: 'R36 search_path stored by the role itself, in one database',
    admin: b => [
      `alter role ${b.role} in database ${quoteIdentifier(b.database.name)} set search_path = other, public`,
    ],
    finds: ['warning R36 role ROLE'],
  },
  {
    trap: 'R36 triggers and foreign keys off',
    admin: b => [`alter role ${b.role} set session_replication_role = replica`],
    finds: ['error R36 role ROLE'],
  },
  {
    trap: 'R36 row_security stored',
    admin: b => [`alter database ${quoteIdentifier(b.database.name)} set row_security = off`],
    finds: ['error R36 database DATABASE'],
  },
  {
    trap: 'R37 pg_signal_backend',
    admin: b => [`grant pg_signal_backend to ${b.role}`],
    finds: ['warning R37 role ROLE'],
  },
  {
    trap: 'R38 CREATE on the database',
    admin: b => [`grant create on database ${quoteIdentifier(b.database.name)} to ${b.role}`],
    finds: ['warning R38 database DATABASE'],
  },
]

const verifier = 'tenancy.current_tenant()'
const onVerifier = `R13 function ${verifier}`
const onKeys = 'R13 table tenancy.seal_key'
const other = (mode: SealMode): SealMode => (mode === 'challenge' ? 'stamp' : 'challenge')

/** What can be wrong with the seal itself. */
const sealTraps = (mode: SealMode): readonly Trap[] => [
  {
    trap: 'R13 an unsealed policy',
    owner: () => tenantPolicy(`tenant_id = (select ${value})`),
    finds: [`error R13 ${notes}`],
    problem: /believes the setting/,
  },
  {
    trap: 'R13 the verifier is missing',
    admin: () => [`drop function ${verifier} cascade`],
    finds: [`error ${onVerifier}`, `error R6 ${notes}`],
  },
  {
    trap: 'R13 the verifier of the other mode',
    admin: () => [createVerifier({ mode: other(mode) })],
    finds: [`error ${onVerifier}`],
    problem: /of the mode/,
  },
  {
    trap: 'R13 another source',
    admin: () => [createVerifier({ mode }).replace('k.id operator(pg_catalog.=)', 'k.id operator(pg_catalog.<=)')],
    finds: [`error ${onVerifier}`],
    problem: /not the code/,
  },
  {
    trap: 'R13 not SECURITY DEFINER',
    admin: () => [`alter function ${verifier} security invoker`],
    finds: [`error ${onVerifier}`],
  },
  {
    trap: 'R14 the verifier is IMMUTABLE',
    admin: () => [`alter function ${verifier} immutable`],
    finds: [`error ${onVerifier}`, `error R14 ${notes}`],
  },
  {
    trap: 'R13 the verifier is VOLATILE',
    admin: () => [`alter function ${verifier} volatile`],
    finds: [`warning ${onVerifier}`],
  },
  {
    trap: 'R35 the verifier is PARALLEL SAFE',
    admin: () => [`alter function ${verifier} parallel safe`],
    finds: [`error ${onVerifier}`],
  },
  {
    trap: 'R35 the verifier is PARALLEL UNSAFE',
    admin: () => [`alter function ${verifier} parallel unsafe`],
    finds: [`warning ${onVerifier}`],
  },
  {
    trap: 'R13 R31 the verifier is LEAKPROOF',
    admin: () => [`alter function ${verifier} leakproof`],
    finds: [`error R31 function ${verifier}`, `error ${onVerifier}`],
  },
  {
    trap: 'R13 the verifier has settings',
    admin: () => [`alter function ${verifier} set search_path = public`],
    finds: [`warning ${onVerifier}`],
  },
  {
    trap: 'R13 PUBLIC may call the verifier',
    admin: () => [`grant execute on function ${verifier} to public`],
    finds: [`warning ${onVerifier}`],
  },
  {
    trap: 'R13 the role may not call the verifier',
    admin: b => [`revoke execute on function ${verifier} from ${b.role}`],
    finds: [`error ${onVerifier}`],
  },
  {
    trap: 'R13 the verifier has an owner who can log in',
    admin: b => [`alter function ${verifier} owner to ${b.database.ownerRole}`],
    finds: [`error ${onVerifier}`],
    problem: /both must be one role/,
  },
  {
    trap: 'R13 the keys have an owner who can log in',
    admin: b => [`alter table tenancy.seal_key owner to ${b.database.ownerRole}`],
    finds: [`error ${onVerifier}`],
    problem: /both must be one role/,
  },
  {
    trap: 'R13 the owner of the seal can log in',
    admin: b => [`alter role ${b.sealOwner} login`],
    finds: ['error R13 role SEAL'],
  },
  {
    trap: 'R13 the owner of the seal is a superuser',
    admin: b => [`alter role ${b.sealOwner} superuser`],
    finds: ['error R13 role SEAL'],
  },
  {
    trap: 'R13 the role is a member of the owner of the seal',
    admin: b => [`grant ${b.sealOwner} to ${b.role}`],
    finds: ['error R13 role SEAL'],
  },
  {
    trap: 'R13 keys may be read, by a grant on one column',
    admin: () => ['grant select (ipad) on tenancy.seal_key to public'],
    finds: [`error ${onKeys}`],
  },
  {
    trap: 'R13 keys may be written by another role',
    admin: async b => [`grant insert on tenancy.seal_key to ${await b.makeRole()}`],
    finds: [`error ${onKeys}`],
  },
  {
    trap: 'R13 a trigger on the keys',
    admin: () => [
      `create function copy_key() returns trigger language plpgsql as 'begin return new; end'`,
      'create trigger "Copy" after insert on tenancy.seal_key for each row execute function copy_key()',
    ],
    finds: [`error ${onKeys}`],
  },
  {
    trap: 'R13 the role may create objects beside the seal',
    admin: b => [`grant create on schema tenancy to ${b.role}`],
    finds: ['error R13 schema tenancy'],
  },
  {
    trap: 'R13 the role owns the schema of the seal',
    admin: b => [`alter schema tenancy owner to ${b.role}`],
    finds: ['error R13 schema tenancy'],
  },
  {
    trap: 'R6 a predefined role that reads the keys too',
    admin: b => [`grant pg_read_all_data to ${b.role}`],
    finds: ['error R6 role ROLE'],
  },
  {
    trap: 'R25 large objects for everybody, as on a new server',
    admin: () => [
      `do $$ begin execute (select 'grant execute on function ' || string_agg(oid::regprocedure::text, ', ') || ' to public'
         from pg_proc where proname ~ '^(lo_|loread|lowrite)' and proname !~ 'import|export'); end $$`,
    ],
    finds: ['warning R25 database DATABASE'],
    problem: /no policy holds/,
  },
  {
    trap: 'R25 one of the functions, for a role that it can become',
    admin: async b => {
      const helper = await b.makeRole()
      return [`grant execute on function lo_get(oid) to ${helper}`, `grant ${helper} to ${b.role}`]
    },
    finds: ['warning R25 database DATABASE'],
  },
  {
    trap: 'R27 DO blocks',
    admin: () => ['grant usage on language plpgsql to public'],
    finds: ['warning R27 language plpgsql'],
  },
]

describePostgres('verify', server => {
  async function caught({ owner, admin, finds, problem, options }: Trap, bench: Bench): Promise<void> {
    const { database, roleName, sealOwner, verify } = bench
    expect(await verify()).toEqual([])
    if (owner !== undefined) await execute(database.ownerUrl, ...(await owner(bench)))
    if (admin !== undefined) await execute(database.adminUrl, ...(await admin(bench)))
    const found = await verify(options)
    const short = ({ severity, id, object }: Finding) =>
      `${severity} ${id} ${object.replace(roleName, 'ROLE').replace(database.name, 'DATABASE').replace(sealOwner.slice(1, -1), 'SEAL')}`
    expect(found.map(short)).toEqual(finds)
    if (problem !== undefined) expect(found[0]?.problem).toMatch(problem)
    for (const { fix } of found) await execute(database.adminUrl, fix)
    expect(await verify(options)).toEqual([])
  }

  it.each(serverTraps)('$trap', trap => onBench(server, bench => caught(trap, bench)))

  for (const mode of ['challenge', 'stamp'] as const) {
    it.each(sealTraps(mode))(`${mode}: $trap`, trap => onBench(server, bench => caught(trap, bench), mode))

    it(`${mode}: keys that are missing, and a table of keys that is`, async () => {
      await onBench(
        server,
        async ({ database, verify }) => {
          await execute(database.adminUrl, 'delete from tenancy.seal_key')
          const found = await verify()
          expect(found.map(({ id, object }) => `${id} ${object}`)).toEqual([onKeys])
          expect(found[0]?.problem).toMatch(/does not hold the key/)
          await execute(database.adminUrl, 'drop table tenancy.seal_key')
          expect((await verify()).map(({ problem }) => problem)).toEqual([
            'is missing, so that no proof can be checked.',
          ])
        },
        mode,
      )
    })
  }

  it('R12 the setting stands on the connection, by its options', async () => {
    await onBench(server, async ({ database }) => {
      const pool = new pg.Pool({ connectionString: database.runtimeUrl, options: '-c tenantry.tenant_id=acme', max: 1 })
      try {
        const found = await pgRls({ pool, shared: ['public.plans'], logger: recorder() }).verify()
        expect(found.map(({ id, severity }) => `${severity} ${id}`)).toEqual(['error R12'])
      } finally {
        await pool.end()
      }
    })
  })

  it.each([
    [140_020, 'R3'],
    [150_008, 'R15'],
    [150_009, 'R16'],
    [150_013, 'R17'],
    [150_014, undefined],
    [160_004, 'R15'],
    [160_005, 'R16'],
    [160_009, 'R17'],
    [160_010, undefined],
    [170_000, 'R15'],
    [170_001, 'R16'],
    [170_005, 'R17'],
    [170_006, undefined],
    [180_000, undefined],
  ])('R15 R16 R17 the version of the server: %s', (version, id) => {
    expect(versionFindings(version)[0]?.id).toBe(id)
  })

  it('says nothing of 500 sealed tables, in at most 2 s', async () => {
    await onBench(
      server,
      async ({ database, roleName, verify, sent }) => {
        expect(await verify()).toEqual([])
        const few = sent()
        const statements = Array.from({ length: 500 }, (_, at) => [
          `create table t${at} (id int)`,
          ...protectTable(`t${at}`, { runtimeRole: roleName, seal: true }),
        ])
        await execute(database.ownerUrl, statements.flat().join('; '))
        const start = performance.now()
        expect(await verify()).toEqual([])
        const took = performance.now() - start
        process.stdout.write(`verify of 500 sealed tables: ${Math.round(took)} ms, ${few} statements\n`)
        expect(took).toBeLessThan(2000)
        expect(sent()).toBe(few)
      },
      'challenge',
    )
  })

  it.each(traps)('$trap', async ({ owner, admin, finds, problem, options }) => {
    await onBench(server, async bench => {
      const { database, roleName, verify } = bench
      expect(await verify()).toEqual([])
      if (owner !== undefined) await execute(database.ownerUrl, ...(await owner(bench)))
      if (admin !== undefined) await execute(database.adminUrl, ...(await admin(bench)))

      const found = await verify(options)

      expect(found.map(({ severity, id, object }) => `${severity} ${id} ${object.replace(roleName, 'ROLE')}`)).toEqual(
        finds,
      )
      if (problem !== undefined) expect(found[0]?.problem).toMatch(problem)
      for (const { fix } of found) await execute(database.adminUrl, fix)
      expect(await verify(options)).toEqual([])
    })
  })

  it('says nothing of a clean database, whatever else there is', async () => {
    await onBench(server, async ({ database, role, roleName, verify, makeRole }) => {
      const other = await makeRole()
      await execute(
        database.ownerUrl,
        'create table hidden (id int)',
        `create table theirs (id int)`,
        `grant all on theirs to ${other}`,
        'create schema other',
        `grant usage on schema other to ${role}`,
        'create table other.logs (id int)',
        `grant all on other.logs to ${role}`,
        'create schema closed',
        'create table closed.logs (tenant_id text)',
        'grant all on closed.logs to public',
        'create view safe with (security_invoker) as select * from notes',
        'create view about_plans as select * from plans',
        `grant select on safe, about_plans to ${role}`,
        'create table days (day int) partition by range (day)',
        ...protectTable('days', { runtimeRole: roleName }),
        'create table days_1 partition of days for values from (1) to (2)',
        'create table "Wide Table" (id int)',
        ...protectTable('Wide Table', { type: 'uuid', runtimeRole: roleName }),
        'create unique index on "Wide Table" (id, tenant_id) include (tenant_id)',
        `create function plain() returns int language sql as 'select 1'`,
        `create function touch() returns trigger language plpgsql security definer as 'begin return new; end'`,
        'create table codes (id int, tenant_id varchar(64))',
        ...protectTable('codes', { runtimeRole: roleName }),
        `create policy more on notes as permissive using (true)`,
        `create policy less on notes as restrictive using (body is distinct from current_setting('app.other', true))`,
      )
      await execute(
        database.adminUrl,
        'create view own as select * from notes',
        `alter view own owner to ${role}`,
        'create temporary table notes_too (id int)',
        'select lo_create(0)',
      )
      expect(await verify({ schemas: ['public', 'closed'] })).toEqual([])
    })
  })

  it.each([
    `tenant_id = ${value}`,
    `${value} = tenant_id`,
    `tenant_id = (select nullif(current_setting('tenantry.tenant_id'), ''))`,
    `tenant_id = (select ${value}) and body <> ''`,
    `(body <> '' or body is null) and tenant_id = (select ${value})`,
  ])('takes a policy written by hand: %s', async using => {
    await onBench(server, async ({ database, verify }) => {
      await execute(database.ownerUrl, ...tenantPolicy(using))
      expect(await verify()).toEqual([])
    })
  })

  it('uuid and bigint columns, custom names: fixes keep the type, the setting and the column', async () => {
    await onBench(server, async ({ database, roleName, verify }) => {
      const options = { column: 'Org "Id"', setting: 'app.org', schemas: ['Sales "1"'] }
      const table = '"Sales ""1"""."Deals"'
      await execute(
        database.ownerUrl,
        'create schema "Sales ""1"""',
        `grant usage on schema "Sales ""1""" to ${quoteIdentifier(roleName)}`,
        `create table ${table} (id int, "Org ""Id""" bigint)`,
        `create table "Sales ""1"""."People" (id int)`,
        ...protectTable('People', { ...options, schema: 'Sales "1"', type: 'uuid', runtimeRole: roleName }),
        `alter table ${table} enable row level security`,
        `alter table ${table} force row level security`,
        `grant select on ${table} to ${quoteIdentifier(roleName)}`,
        'drop policy tenantry_tenant on "Sales ""1"""."People"',
      )
      const found = await verify(options)
      expect(found.map(({ id, object }) => `${id} ${object}`)).toEqual([
        'R9 table Sales "1".Deals',
        'R44 table Sales "1".Deals',
        'R6 table Sales "1".Deals',
        'R8 table Sales "1".Deals',
        'R6 table Sales "1".People',
      ])
      for (const { fix } of found) await execute(database.adminUrl, fix)
      expect(await verify(options)).toEqual([])
    })
  })

  it('reads 500 tables with as many statements as one', async () => {
    await onBench(server, async ({ database, roleName, verify, sent }) => {
      expect(await verify()).toEqual([])
      const few = sent()
      const statements = Array.from({ length: 500 }, (_, at) => [
        `create table t${at} (id int)`,
        ...protectTable(`t${at}`, { runtimeRole: roleName }),
      ])
      await execute(database.ownerUrl, statements.flat().join('; '))
      const start = performance.now()
      expect(await verify()).toEqual([])
      process.stdout.write(`verify of 500 tables: ${Math.round(performance.now() - start)} ms\n`)
      expect(sent()).toBe(few)
    })
  })
})
