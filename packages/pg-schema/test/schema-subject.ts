import type { Row, Subject } from '@tenantry/conformance'
import { type Tenant, tenantDigest } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { pgSubject } from '@tenantry/pg-subject'
import { startFaultProxy } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { type PgSchemaOptions, pgSchema, storageNames } from '../src/index.ts'
import { schemaDatabase } from './support.ts'

/** Every note of every schema, past the roles; whose a schema is, its comment says by a digest. */
async function everything(admin: pg.Pool, ids: ReadonlyMap<string, string>): Promise<readonly Row[]> {
  const { rows } = await admin.query<{ schema: string; tenant: string }>(
    `select n.nspname as schema, obj_description(n.oid, 'pg_namespace')::json->>'tenant' as tenant
       from pg_namespace n where obj_description(n.oid, 'pg_namespace') like '{"tenantry":"pg-schema","tenant"%'`,
  )
  const found: Row[] = []
  for (const { schema, tenant } of rows) {
    const notes = await admin.query<Row>(
      `select $1::text as tenant, id, text from ${pg.escapeIdentifier(schema)}.notes`,
      [ids.get(tenant) ?? `nobody's ${tenant}`],
    )
    found.push(...notes.rows)
  }
  return found
}

/** Tries every schema by name, without having become any tenant. */
async function unscoped(client: pg.Client): Promise<readonly Row[]> {
  const { rows } = await client.query<{ name: string }>(
    `select nspname as name from pg_namespace where nspname like 't\\_%'`,
  )
  const found: Row[] = []
  for (const { name } of rows) {
    const outcome = await client
      .query<Row>(`select id, text from ${pg.escapeIdentifier(name)}.notes`)
      .catch((error: { code?: string }) => {
        if (error.code !== '42501') throw error
        return { rows: [] }
      })
    found.push(...outcome.rows)
  }
  if (rows.length === 0) throw new Error('There is no schema to look into.')
  return found
}

/** `pg-schema` on a database of its own, with two connections. */
export async function schemaSubject(server: PostgresForTests): Promise<Subject<TenantPool>> {
  const database = await schemaDatabase(server)
  const { provisioner, rolePrefix, admin } = database
  const { bouncer, namedStatements } = server
  const options = { provisioner, rolePrefix, namedStatements, pooler: bouncer !== undefined }
  const names = storageNames({ rolePrefix })
  const ids = new Map<string, string>()

  function isolationOver(pool: pg.Pool, more: Partial<PgSchemaOptions> = {}) {
    const isolation = pgSchema({ pool, ...options, ...more })
    return {
      ...isolation,
      provision(tenant: Tenant) {
        ids.set(tenantDigest(tenant.id), tenant.id)
        return isolation.provision(tenant)
      },
    }
  }

  async function left(tenant: Tenant): Promise<readonly string[]> {
    const { schema, role } = names(tenant)
    const { rows } = await admin.query<{ line: string }>(
      `select 'role ' || rolname as line from pg_roles where rolname = $2
       union all select 'schema ' || nspname || ' of ' || pg_get_userbyid(nspowner) from pg_namespace where nspname = $1
       union all select relkind::text || ' ' || relname || ' ' || relacl::text from pg_class where relnamespace = to_regnamespace($1) order by 1`,
      [schema, role],
    )
    return rows.map(({ line }) => line)
  }

  return pgSubject(server, database, {
    isolation: pool => isolationOver(pool),
    everything: admin => everything(admin, ids),
    unscoped,
    conflict: '(id)',
    settings: ['search_path', 'role'],
    // A row of another tenant cannot even be spoken of; the note goes into one's own schema.
    bulk: async ({ query }, notes) =>
      void (await query('insert into notes (id, text) select * from unnest($1::uuid[], $2::text[])', [
        notes.map(({ id }) => id),
        notes.map(({ text }) => text),
      ])),
    objects: () => ({
      left,
      async interrupt(tenant, step) {
        const proxy = await startFaultProxy({ target: database.provisionerUrl })
        const cut = new pg.Pool({ connectionString: proxy.url(database.provisionerUrl), max: 1 })
        cut.on('error', () => undefined)
        const isolation = isolationOver(database.runtime, { provisioner: cut })
        try {
          // A statement begins with a Query or a Parse; what else is sent goes with one.
          const match = (bytes: Buffer) => /^[QP]/.test(bytes.toString('latin1', 0, 1))
          proxy.rule({ on: 'frontend', message: 'any', match, nth: step + 1, fault: 'cut' })
          return await isolation.provision(tenant).then(
            () => false,
            () => true,
          )
        } finally {
          await isolation.close()
          await cut.end()
          await proxy.close()
        }
      },
      async plant(tenant) {
        const { schema } = names(tenant)
        await admin.query(
          `create schema ${schema}; create table ${schema}.theirs (id int); grant all on ${schema}.theirs to public`,
        )
      },
    }),
    close: database.close,
  })
}
