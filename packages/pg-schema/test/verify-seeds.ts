/** What a seed may speak of. */
export interface Names {
  readonly a: string
  readonly b: string
  readonly roleA: string
  readonly roleB: string
  readonly login: string
  readonly provisioner: string
  readonly database: string
}

/** Something that is wrong, and what is to be found of it. */
export interface Seed {
  readonly name: string
  /** Statements of a superuser. */
  sql(names: Names): readonly string[]
  /** All that is found, as `error S11 schema A`. */
  readonly finds: readonly string[]
  readonly only?: 15 | 16
  /** What is to be done by hand. */
  readonly advice?: RegExp
  /** What is left when all fixes that are SQL have been run, where that is not `advice`. Default nothing. */
  readonly leaves?: readonly string[]
}

/** One for each thing that is looked for, in a database with two tenants. */
export const seeds: readonly Seed[] = [
  {
    name: 'S11 the login is a superuser',
    sql: ({ login }) => [`alter role ${login} superuser`],
    finds: ['error S11 role LOGIN'],
  },
  {
    name: 'S11 the login may make roles',
    sql: ({ login }) => [`alter role ${login} createrole`],
    finds: ['error S11 role LOGIN'],
  },
  {
    name: 'S11 the login inherits',
    only: 15,
    sql: ({ login }) => [`alter role ${login} inherit`],
    finds: ['error S11 role LOGIN'],
  },
  {
    name: 'S11 the login inherits from one tenant',
    only: 16,
    sql: ({ login, roleA }) => [`grant ${roleA} to ${login} with inherit true`],
    finds: ['error S11 role ROLE A'],
  },
  {
    name: 'S11 the login is a member of a role that reads everything',
    sql: ({ login }) => [`grant pg_read_all_data to ${login}`],
    finds: ['error S11 role LOGIN'],
  },
  {
    name: 'S11 the login is a member of the owner of schemas',
    sql: ({ login, provisioner }) => [`grant ${provisioner} to ${login}`],
    finds: ['error S11 role LOGIN'],
  },
  {
    name: 'S11 a schema belongs to the login',
    sql: ({ login, a }) => [`alter schema ${a} owner to ${login}`],
    finds: ['error S11 schema A', 'warning S15 schema A'],
  },
  {
    name: 'S11 somebody else has made a schema and marked it as a tenant’s',
    sql: () => [
      'create schema t_forged authorization pg_monitor',
      `comment on schema t_forged is '{"tenantry":"pg-schema","tenant":"forged"}'`,
    ],
    finds: ['error S11 schema t_forged', 'warning S3 schema t_forged', 'warning S15 schema t_forged'],
    advice: /^See who made it/,
  },
  {
    name: 'S11 a table belongs to the login',
    sql: ({ a, login }) => [`alter table ${a}.notes owner to ${login}`],
    finds: ['error S11 relation A.notes', 'warning S15 schema A'],
  },
  {
    name: 'S11 PUBLIC may use a schema',
    sql: ({ a }) => [`grant usage on schema ${a} to public`],
    finds: ['error S11 schema A', 'warning S15 schema A'],
  },
  {
    name: 'S11 a tenant may use the schema of another',
    sql: ({ a, roleB }) => [`grant usage on schema ${a} to ${roleB}`],
    finds: ['error S11 schema A', 'warning S15 schema A'],
  },
  {
    name: 'S11 a tenant may make objects in its schema',
    sql: ({ a, roleA }) => [`grant create on schema ${a} to ${roleA}`],
    finds: ['error S11 schema A', 'warning S15 schema A'],
  },
  {
    name: 'S11 the login may use a schema',
    sql: ({ a, login }) => [`grant usage on schema ${a} to ${login}`],
    finds: ['error S11 schema A', 'warning S15 schema A'],
  },
  {
    name: 'S11 a role of somebody else may use a schema',
    sql: ({ a }) => [`grant usage on schema ${a} to pg_monitor`],
    finds: ['warning S11 schema A', 'warning S15 schema A'],
  },
  {
    name: 'S11 PUBLIC may read a table',
    sql: ({ a }) => [`grant select on ${a}.notes to public`],
    finds: ['error S11 relation A.notes', 'warning S15 schema A'],
  },
  {
    name: 'S11 another tenant may read a table',
    sql: ({ a, roleB }) => [`grant select on ${a}.notes to ${roleB}`],
    finds: ['error S11 relation A.notes', 'warning S15 schema A'],
  },
  {
    name: 'S11 the login may read a table without becoming the tenant',
    sql: ({ a, login }) => [`grant select on ${a}.notes to ${login}`],
    finds: ['error S11 relation A.notes', 'warning S15 schema A'],
  },
  {
    name: 'S11 a table belongs to the tenant',
    sql: ({ a, roleA }) => [`alter table ${a}.notes owner to ${roleA}`],
    finds: ['warning S11 relation A.notes', 'warning S15 schema A'],
  },
  {
    name: 'S11 a table belongs to another tenant',
    sql: ({ a, roleB }) => [`alter table ${a}.notes owner to ${roleB}`],
    finds: ['error S11 relation A.notes', 'warning S15 schema A'],
  },
  {
    name: 'S11 a tenant is a superuser',
    sql: ({ roleA }) => [`alter role ${roleA} superuser`],
    finds: ['error S11 role ROLE A'],
  },
  {
    name: 'S11 a tenant may make roles',
    sql: ({ roleA }) => [`alter role ${roleA} createrole`],
    finds: ['error S11 role ROLE A'],
  },
  {
    name: 'S11 a tenant may make databases',
    sql: ({ roleA }) => [`alter role ${roleA} createdb`],
    finds: ['warning S11 role ROLE A'],
  },
  {
    name: 'S11 policies do not hold for a tenant',
    sql: ({ roleA }) => [`alter role ${roleA} bypassrls`],
    finds: ['warning S11 role ROLE A'],
  },
  {
    name: 'S11 a tenant can log in',
    sql: ({ roleA }) => [`alter role ${roleA} login`],
    finds: ['warning S11 role ROLE A'],
  },
  {
    name: 'S11 a tenant is a member of another',
    sql: ({ roleA, roleB }) => [`grant ${roleB} to ${roleA}`],
    finds: ['error S11 role ROLE A'],
  },
  {
    name: 'S2 a path is stored with the login',
    sql: ({ login }) => [`alter role ${login} set search_path = public`],
    finds: ['warning S2 role LOGIN'],
  },
  {
    name: 'S2 a path is stored with the login for one database',
    sql: ({ login, database }) => [`alter role ${login} in database ${database} set search_path = public`],
    finds: ['warning S2 role LOGIN'],
  },
  {
    name: 'S2 a role is stored with the login',
    sql: ({ login, roleA }) => [`alter role ${login} set role = ${roleA}`],
    finds: ['error S2 role LOGIN'],
  },
  {
    name: 'S3 a schema has lost its role',
    sql: ({ roleA }) => [`drop owned by ${roleA}; drop role ${roleA}`],
    finds: ['warning S3 schema A', 'warning S15 schema A'],
    advice: /provision/i,
  },
  {
    name: 'S3 a role is not granted to the login',
    sql: ({ roleA, login, provisioner }) => [`set role ${provisioner}; revoke ${roleA} from ${login}; reset role`],
    finds: ['warning S3 role ROLE A'],
  },
  {
    name: 'S9 a SECURITY DEFINER function without a path, in a tenant’s schema',
    sql: ({ a }) => [`create function ${a}.f() returns int language sql security definer return 1`],
    finds: ['error S9 function A.f()', 'warning S15 schema A'],
    leaves: ['warning S15 schema A'],
  },
  {
    name: 'S9 a SECURITY DEFINER function without a path, in a schema that PUBLIC may use',
    sql: () => [
      'create schema shared',
      'grant usage on schema shared to public',
      'create function shared.f() returns int language sql security definer return 1',
    ],
    finds: ['error S9 function shared.f()'],
  },
  {
    name: 'S9 a function that works in the schema of another tenant',
    sql: ({ a, b }) => [`create function ${a}.f() returns int language sql set search_path = ${b}, pg_temp return 1`],
    finds: ['error S9 function A.f()', 'warning S15 schema A'],
    leaves: ['warning S15 schema A'],
  },
  {
    name: 'S10 PUBLIC may make objects in a schema with extensions',
    sql: () => ['grant create on schema extensions to public'],
    finds: ['error S10 schema extensions'],
  },
  {
    name: 'S10 the schema with extensions is gone',
    sql: () => ['drop schema extensions'],
    finds: ['warning S10 schema extensions'],
  },
  {
    name: 'S10 tenants may not use the schema with extensions',
    sql: () => ['revoke usage on schema extensions from public'],
    finds: ['warning S10 schema extensions', 'warning S10 schema extensions'],
  },
  {
    name: 'S10 PUBLIC may make objects in the template',
    sql: () => ['grant create on schema template to public'],
    finds: ['error S10 schema template', 'warning S15 schema A', 'warning S15 schema B'],
  },
  {
    name: 'S15 the template is gone',
    sql: () => ['drop schema template cascade'],
    finds: ['warning S15 schema template'],
    advice: /rebuildTemplate/,
  },
  {
    name: 'S13 something in the template points outside',
    sql: () => [
      'create table public.shared (id int primary key)',
      'alter table template.notes add other int references public.shared',
    ],
    finds: ['error S13 template template', 'error S13 template template', 'warning S15 template template'],
    advice: /^Move/,
  },
  {
    name: 'S15 a tenant is behind the template',
    sql: () => ['alter table template.notes add since date'],
    finds: ['warning S15 schema A', 'warning S15 schema B'],
    advice: /^Run the migrations/,
  },
]
