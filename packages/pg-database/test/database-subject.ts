import { randomBytes } from 'node:crypto'
import type { Row, Subject } from '@tenantry/conformance'
import { type Tenant, tenantDigest } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { abilities, faulty, notesOf, unit } from '@tenantry/pg-subject'
import { type FaultProxy, startFaultProxy, withClient } from '@tenantry/servers'
import type pg from 'pg'
import { type PgDatabaseOptions, pgDatabase } from '../src/index.ts'
import { type AnyServer, type Ground, makeGround, silent, standing } from './support.ts'

/** A server with what counts the statements on their way to it. */
interface Watched {
  readonly ground: Ground
  readonly proxy: FaultProxy
}

const names = ['one', 'two']

/** Which of the servers a tenant lives on: by its id, so that it is as good as random. */
function serverOf(id: string): string {
  return names[tenantDigest(id).charCodeAt(0) % names.length] as string
}

/** The databases of tenants on a server, and whose they are by their own word. */
async function databasesOf({ admin, prefix, template }: Ground): Promise<readonly string[]> {
  const { rows } = await admin.query<{ name: string }>(
    `select datname as name from pg_database where starts_with(datname, $1) and datname not in ($2, $3) and datallowconn order by 1`,
    [prefix, template, `${prefix}home`],
  )
  return rows.map(({ name }) => name)
}

async function notesIn(ground: Ground): Promise<readonly Row[]> {
  const found: Row[] = []
  for (const database of await databasesOf(ground)) {
    const rows = await withClient(ground.urlOf(database), async client => {
      const { rows: there } = await client.query(
        `select to_regclass('notes') is not null and to_regclass('tenantry.identity') is not null as ok`,
      )
      if (there[0].ok !== true) return []
      return (await client.query<Row>('select i.tenant, n.id, n.text from notes n, tenantry.identity i')).rows
    })
    found.push(...rows)
  }
  return found
}

/** The login of one tenant tries every database by name. */
async function unscoped(
  grounds: readonly Ground[],
  login: { username: string; password: string },
  own: string,
): Promise<readonly Row[]> {
  const found: Row[] = []
  let tried = 0
  for (const ground of grounds) {
    for (const database of await databasesOf(ground)) {
      if (database === own) continue
      tried += 1
      const url = new URL(ground.urlOf(database))
      url.username = login.username
      url.password = login.password
      const rows = await withClient(
        url.href,
        async client => (await client.query<Row>('select id, text from notes')).rows,
      ).catch((error: { code?: string }) => {
        // No such login on the other server, or not for this database.
        if (error.code !== '42501' && error.code !== '28P01') throw error
        return []
      })
      found.push(...rows)
    }
  }
  if (tried === 0) throw new Error('There is no database to look into.')
  return found
}

/** `pg-database` over two servers, with two connections a tenant. */
export async function databaseSubject(
  servers: readonly [AnyServer, AnyServer],
  more: Partial<PgDatabaseOptions> = {},
): Promise<Subject<TenantPool>> {
  const keyPrefix = `p${randomBytes(4).toString('hex')}_`
  const watched: Watched[] = []
  for (const server of servers) {
    const ground = await makeGround(server, { prefix: keyPrefix })
    watched.push({ ground, proxy: await startFaultProxy({ target: server.descriptor.adminUrl }) })
  }
  const at = (name: string) => watched[names.indexOf(name)] as Watched
  const grounds = watched.map(({ ground }) => ground)
  const credentials = standing()

  function isolationOver(options: Partial<PgDatabaseOptions> = {}) {
    return pgDatabase({
      servers: Object.fromEntries(
        names.map(name => {
          const url = new URL(at(name).proxy.url(servers[0].descriptor.adminUrl))
          return [name, { host: url.hostname, port: Number(url.port) }]
        }),
      ),
      provisioners: Object.fromEntries(names.map(name => [name, at(name).ground.provisioner])),
      structure: { by: 'template', database: template },
      connections: { max: 12, maxPerTenant: 2 },
      ...{ credentials, keyPrefix, logger: silent },
      ...more,
      ...options,
    })
  }
  const template = `${keyPrefix}tpl`
  const isolation = isolationOver()
  await isolation.ready()

  const placement = (id: string) => ({ server: serverOf(id), database: `${keyPrefix}${tenantDigest(id)}`, epoch: '1' })

  async function left(tenant: Tenant): Promise<readonly string[]> {
    const lines: string[] = []
    for (const { admin } of grounds) {
      const { rows } = await admin.query<{ line: string }>(
        `select 'role ' || rolname || ' ' || rolcanlogin as line from pg_roles where starts_with(rolname, $1)
         union all select 'database ' || datname || ' of ' || pg_get_userbyid(datdba) || ' ' || coalesce(datacl::text, '') from pg_database where starts_with(datname, $1)
         order by 1`,
        [`${keyPrefix}${tenantDigest(tenant.id)}`],
      )
      lines.push(...rows.map(({ line }) => line))
    }
    return lines
  }

  return {
    isolation,
    server: 'two servers',
    placement,
    notes: handle => notesOf(handle.query),
    unit: (handle, work) => unit(handle, client => work(notesOf(client.query))),
    refused: error => (error as { code?: unknown }).code === '42501',
    outside: {
      statements: async () =>
        watched.reduce(
          (sum, { proxy }) => sum + proxy.count('frontend', 'Execute') + proxy.count('frontend', 'Query'),
          0,
        ),
      everything: async () => (await Promise.all(grounds.map(notesIn))).flat(),
      async unscoped() {
        const id = 'somebody'
        const tenant: Tenant = {
          ...{ id, slug: id, name: id, status: 'active', isDefault: false, isControl: false, version: 1, settings: {} },
          placement: placement(id),
        }
        await isolation.provision(tenant)
        const { database } = tenant.placement
        const own = `${database}`
        const target = { tenant: id, server: 'one', host: '', port: 0, database: own, owner: own }
        const { username, password } = await credentials.issue(target)
        return unscoped(grounds, { username, password: password.reveal() }, target.database)
      },
    },
    faults: {
      timeout: (handle, note) =>
        faulty(handle, note, client =>
          client.query({ text: 'select pg_sleep(2)', query_timeout: 20 } as pg.QueryConfig),
        ),
      disconnect: (handle, note) =>
        faulty(handle, note, client => client.query('select pg_terminate_backend(pg_backend_pid())')),
    },
    more: abilities(
      {
        query: async (...args: [string, unknown[]]) =>
          (await Promise.all(grounds.map(({ admin }) => admin.query(...args)))).find(
            ({ rowCount }) => rowCount !== 0,
          ) ?? { rowCount: 0 },
      } as never,
      {
        conflict: '(id)',
        settings: ['search_path', 'role'],
        bulk: async ({ query }, notes) =>
          void (await query('insert into notes (id, text) select * from unnest($1::uuid[], $2::text[])', [
            notes.map(({ id }) => id),
            notes.map(({ text }) => text),
          ])),
        second: async () => isolationOver(),
      },
    ),
    objects: {
      left,
      async interrupt(tenant, step) {
        const { proxy } = at(serverOf(tenant.id))
        // A statement begins with a Query or a Parse; what else is sent goes with one.
        const match = (bytes: Buffer) => /^[QP]/.test(bytes.toString('latin1', 0, 1))
        const cut = proxy.rule({ on: 'frontend', message: 'any', match, nth: step + 1, fault: 'cut' })
        const other = isolationOver()
        try {
          return await other.provision(tenant).then(
            () => false,
            () => true,
          )
        } finally {
          cut.remove()
          await other.close()
        }
      },
      async plant(tenant) {
        const { admin } = at(serverOf(tenant.id)).ground
        // Closed, or a check of another test on this server would find it.
        await admin.query(`create database ${tenant.placement.database} allow_connections false`)
      },
    },
    async close() {
      await isolation.close()
      for (const { proxy, ground } of watched) {
        await proxy.close()
        await ground.close()
      }
    },
  }
}
