import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Answer, type Call, listen, quietLogger, send } from '@tenantry/demo'
import type { FreshDatabase } from '@tenantry/servers'
import type { PostgresForTests } from '@tenantry/servers/vitest'
import pg from 'pg'
import { createApp } from '../src/app.ts'
import type { Storage } from '../src/schemas.ts'
import { grantPublic } from '../src/set-up.ts'
import { readSettings } from '../src/settings.ts'

const key = 'a-random-string-that-only-the-operator-has'
export const authorization = `Bearer ${key}`
export const withKey = { TENANTS_ENABLED: 'true', TENANTS_API_KEY: key }

/** A process of the application. */
export interface Process {
  send(call: Partial<Call>): Promise<Answer>
  /** A call of the tenancy API, with the key. */
  api(method: string, path: string, body?: unknown): Promise<Answer>
}

/** A database and a folder, and processes of the application on them. */
export interface House {
  readonly database: FreshDatabase
  readonly media: string
  /** Superuser. */
  readonly admin: pg.Pool
  readonly storage: Storage
  /** Starts a process, with connections of its own. */
  boot(env?: Record<string, string>): Promise<Process>
  /** All that there is in a schema, but for the schema's name, one line a thing. */
  structure(schema: string): Promise<readonly string[]>
  schemas(): Promise<readonly string[]>
  close(): Promise<void>
}

/** A house without anybody in it. */
export async function build(server: PostgresForTests): Promise<House> {
  const database = await server.freshDatabase()
  const media = await mkdtemp(join(tmpdir(), 'tenantry-media-'))
  const closing: (() => Promise<unknown>)[] = []
  function open(connectionString: string, max: number): pg.Pool {
    const pool = new pg.Pool({ connectionString, max })
    closing.push(() => {
      // A connection that is being closed may be cut by the drop of its database.
      pool.on('error', () => undefined)
      return pool.end()
    })
    return pool
  }
  const admin = open(database.adminUrl, 1)
  const connect = (): Storage => ({
    pool: open(database.runtimeUrl, 2),
    provisioner: open(database.provisionerUrl, 2),
    rolePrefix: `${database.name}_`,
    logger: quietLogger,
  })
  await open(database.ownerUrl, 1).query(grantPublic(database.provisionerRole))

  return {
    ...{ database, media, admin, storage: connect() },
    async boot(env = withKey) {
      const { port, close } = await listen(await createApp({ ...connect(), media, settings: readSettings(env) }))
      closing.unshift(close)
      return {
        send: call => send(port, { host: 'authentik.tld', path: '/notes', ...call }),
        api: (method, path, body) =>
          send(port, { method, host: 'authentik.tld', path: `/tenancy${path}`, headers: { authorization }, body }),
      }
    },
    async structure(schema) {
      const { rows } = await admin.query<{ line: string }>(
        `select replace(line, $1 || '.', '') as line from (
           select concat_ws(' ', 'column', attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
                            attidentity, pg_get_expr(adbin, adrelid))
             from pg_attribute join pg_class c on c.oid = attrelid left join pg_attrdef on adrelid = attrelid and adnum = attnum
            where relnamespace = $1::regnamespace and relkind = 'r' and attnum > 0
           union all select concat_ws(' ', 'index', pg_get_indexdef(indexrelid))
             from pg_index join pg_class c on c.oid = indexrelid where relnamespace = $1::regnamespace
           union all select concat_ws(' ', 'constraint', conname, pg_get_constraintdef(oid))
             from pg_constraint where connamespace = $1::regnamespace
           union all select concat_ws(' ', 'sequence', seqrelid::regclass, seqtypid::regtype, seqstart, seqincrement, seqmax)
             from pg_sequence join pg_class c on c.oid = seqrelid where relnamespace = $1::regnamespace
         ) all_of_them (line) order by 1`,
        [schema],
      )
      return rows.map(({ line }) => line)
    },
    async schemas() {
      const { rows } = await admin.query<{ name: string }>(
        `select nspname as name from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' order by 1`,
      )
      return rows.map(({ name }) => name)
    },
    async close() {
      for (const one of closing.splice(0)) await one()
      await rm(media, { recursive: true, force: true })
    },
  }
}
