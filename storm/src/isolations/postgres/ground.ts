import { setTimeout as sleep } from 'node:timers/promises'
import type { FreshDatabase } from '@tenantry/servers'
import pg from 'pg'
import type { Route, SubjectTerms } from '../../isolation-kind.ts'
import type { Subject } from '../../subject.ts'
import { residueOn } from './residue.ts'

/** Options of {@link openGround}. */
export interface GroundOptions {
  readonly terms: Pick<SubjectTerms, 'route' | 'mutant'>
  readonly database: FreshDatabase
  /** Where the application connects to. */
  readonly url: string
  /** Whose connections are struck, and waited for in the end. */
  readonly roles: readonly string[]
  /** Queries for more residue, of one column. */
  readonly residue: readonly string[]
}

/** A database of its own and the pool of an application: what every isolation on one Postgres database stands on. */
export interface Ground extends Pick<Subject, 'clients' | 'strike' | 'isBusy' | 'residue'> {
  readonly database: FreshDatabase
  /** The application's, with a mutant's hands on it if there is one. */
  readonly pool: pg.Pool
  /** Superuser, past the pooler. */
  readonly admin: pg.Pool
  /** Ends the pool, once. */
  disconnect(isolation: { close(): Promise<void> }): Promise<void>
  /** Ends what is left, and drops the database. */
  close(disconnected: Promise<void>): Promise<void>
}

/** Connections of the pool. Behind the pooler there are more of them than server connections, so that they share. */
const connections: Readonly<Record<Route, number>> = { direct: 20, pgbouncer: 32 }

/** Server connections of the pooler's default pool, and of a pool without a pooler. */
const backends = 20

export function openGround({ terms, database, url, roles, residue }: GroundOptions): Ground {
  const { route, mutant } = terms
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 2 })
  // A pool has ended before its sockets are closed; dropping the database then ends them in its own way.
  admin.on('error', () => undefined)
  const pool = new pg.Pool({ connectionString: url, max: connections[route] })
  const clients = new Set<pg.Client>()
  // Not at `connect`: Tenantry takes a listener there for one that sets connections up.
  pool.on('acquire', given => {
    const client = given as pg.Client
    if (!clients.has(client)) mutant?.onConnect?.(client)
    clients.add(client)
  })
  pool.on('remove', client => void clients.delete(client as pg.Client))

  let ending: Promise<void> | undefined
  return {
    ...{ database, pool, admin, clients },
    async strike(how, random) {
      await admin.query(
        `select pg_${how}_backend(pid) from (select pid from pg_stat_activity where datname = current_database()
          and usename = any ($1) order by md5(pid || $2) limit 1) victim`,
        [roles, String(random.int(2 ** 30))],
      )
    },
    async isBusy() {
      const text = `select count(*)::int as busy from pg_stat_activity
        where datname = current_database() and usename = any ($1) and (state <> 'idle' or state is null)`
      return (await admin.query(text, [roles])).rows[0].busy > 0
    },
    residue: (wanted = backends) => residueOn(pool, Math.min(wanted, pool.options.max), residue),
    disconnect(isolation) {
      ending ??= isolation.close().then(() => pool.end())
      return ending
    },
    async close(disconnected) {
      // What is stuck keeps its connection; then the database is dropped under it.
      await Promise.race([disconnected, sleep(2000)])
      await admin.end()
      await database.drop()
    },
  }
}
