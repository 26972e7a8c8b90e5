// An application of fifty tables, each with an identity, a reference to the one before, a unique name, a check and three indexes.

/** Tables that each tenant has, the ledger of migrations beside them. */
export const tables = 50

/** The ledger of the migrations that have run. */
export const ledger = 'migrations'

const makeLedger = `create table ${ledger} (version int primary key, name text not null)`
const record = (version: number) => `insert into ${ledger} values (${version}, 'migration ${version}')`

const before = (number: number) => (number === 1 ? 1 : number - 1)

/** The tables as they are in the end. They go into the first schema of the `search_path`. */
export const bareStatements: readonly string[] = [
  makeLedger,
  ...each(number => [
    `create table table_${number} (
       id bigint generated always as identity primary key,
       name text not null unique,
       parent bigint references table_${before(number)} on delete cascade,
       amount numeric(12, 2) not null default 0 check (amount >= 0),
       data jsonb not null default '{}',
       created_at timestamptz not null default now()
     )`,
    `create index on table_${number} (parent)`,
    `create index on table_${number} (created_at desc, id)`,
    record(number),
  ]),
]

/** The same tables by a migration each that makes its table as it is today: what nobody's history is, and the least that one can be. */
export const plainMigrations: readonly (readonly string[])[] = [
  [makeLedger],
  ...Array.from({ length: tables }, (_, index) => bareStatements.slice(1 + 4 * index, 5 + 4 * index)),
]

/**
 * The same tables by way of their history, a migration for each as frameworks write them: one statement an operation, and with what
 * a history has that its end does not show: a type that was changed, an index that was replaced, a column that was filled.
 */
export const migrations: readonly (readonly string[])[] = [
  [makeLedger],
  ...Array.from({ length: tables }, (_, index) => index + 1).map(number => [
    `create table table_${number} (id bigint generated always as identity primary key, name text, parent bigint,
       amount int not null default 0)`,
    `alter table table_${number} add foreign key (parent) references table_${before(number)} on delete cascade`,
    `create index on table_${number} (parent)`,
    `alter table table_${number} add column data jsonb not null default '{}'`,
    `alter table table_${number} add column created_at timestamptz not null default now()`,
    `create index created_${number} on table_${number} (created_at)`,
    `alter table table_${number} alter column amount type numeric(12, 2)`,
    `alter table table_${number} add check (amount >= 0)`,
    `update table_${number} set name = 'number ' || id where name is null`,
    `alter table table_${number} alter column name set not null`,
    `alter table table_${number} add unique (name)`,
    `drop index created_${number}`,
    `create index on table_${number} (created_at desc, id)`,
    record(number),
  ]),
]

function each(statements: (number: number) => readonly string[]): readonly string[] {
  return Array.from({ length: tables }, (_, index) => statements(index + 1)).flat()
}
