import type pg from 'pg'
import { interleave } from '../interleave.ts'
import type { Measure } from '../measure.ts'
import { median, medianOfRounds } from '../median.ts'
import { bareStatements, migrations, plainMigrations, tables } from './application.ts'
import { type BenchDatabase, tenantIn } from './bench-database.ts'

/** What is compared: ways to a schema of fifty tables. */
export const titles = {
  bare: 'the bare DDL as one text in one transaction',
  clone: 'provision() by template, with role, grants and proof',
  plain: 'a migration for each table as it is today',
  migrations: 'a migration for each table, with its corrections',
} as const

export type ProvisioningName = keyof typeof titles

/** Plain JSON. */
export interface ProvisioningResult {
  readonly tables: number
  readonly subjects: readonly { readonly name: ProvisioningName; readonly milliseconds: number }[]
  readonly measures: readonly Measure[]
}

/** Times the ways to a tenant's tables, side by side. What they make stays, so that no time is spent on dropping it. */
export async function compareProvisioning(
  { provisioner, isolation }: BenchDatabase,
  { rounds }: { readonly rounds: number },
): Promise<ProvisioningResult> {
  let made = 0
  const schemas = { bare: '', clone: '', plain: '', migrations: '' }
  const next = (name: ProvisioningName) => {
    made += 1
    schemas[name] = `t_${name}_${made}`
    return schemas[name]
  }
  const subjects: Record<ProvisioningName, () => Promise<unknown>> = {
    bare: () => {
      const schema = next('bare')
      const statements = [`create schema ${schema}`, `set local search_path = ${schema}`, ...bareStatements]
      return provisioner.query(['begin', ...statements, 'commit'].join(';\n'))
    },
    clone: () => isolation.provision(tenantIn(next('clone'))),
    plain: () => migrate(provisioner, next('plain'), plainMigrations),
    migrations: () => migrate(provisioner, next('migrations'), migrations),
  }
  const times = await interleave(subjects, {
    ...{ title: 'provisioning', rounds, operations: 1, concurrency: 1 },
    argument: index => index,
  })
  await mustBeAlike(provisioner, Object.values(schemas))
  const ratio = (of: ProvisioningName, to: ProvisioningName) => medianOfRounds(times, round => round[of] / round[to])
  return {
    tables,
    subjects: (Object.keys(titles) as ProvisioningName[]).map(name => ({
      name,
      milliseconds: median(times[name]) / 1000,
    })),
    measures: [
      { what: 'clone / bare', value: ratio('clone', 'bare'), unit: '×', atMost: 1.5 },
      { what: 'migrations / clone', value: ratio('migrations', 'clone'), unit: '×', atLeast: 2 },
      { what: 'plain / clone', value: ratio('plain', 'clone'), unit: '×' },
    ],
  }
}

/** A transaction for each, as most frameworks have it. */
async function migrate(provisioner: pg.Pool, schema: string, chain: typeof migrations): Promise<void> {
  const client = await provisioner.connect()
  try {
    await client.query(`create schema ${schema}; set search_path = ${schema}`)
    for (const statements of chain) {
      await client.query('begin')
      for (const statement of statements) await client.query(statement)
      await client.query('commit')
    }
    await client.query('reset search_path')
  } finally {
    client.release()
  }
}

/** A comparison of what is not the same would say nothing. */
async function mustBeAlike(provisioner: pg.Pool, schemas: readonly string[]): Promise<void> {
  const { rows } = await provisioner.query<{ schema: string; relations: number; constraints: number }>(
    `select nspname as schema, count(*)::int as relations,
            (select count(*)::int from pg_constraint where connamespace = n.oid) as constraints
       from pg_namespace n join pg_class c on c.relnamespace = n.oid where nspname = any($1) group by n.oid`,
    [schemas],
  )
  const shapes = new Set(rows.map(({ relations, constraints }) => `${relations} ${constraints}`))
  if (rows.length !== schemas.length || shapes.size !== 1)
    throw new Error(`These schemas are not alike: ${JSON.stringify(rows)}`)
}
