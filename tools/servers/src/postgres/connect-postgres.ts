import { randomBytes } from 'node:crypto'
import type { PostgresDescriptor } from './postgres-descriptor.ts'
import { execute, urlFor } from './sql.ts'

/** A database of its own for one test file. */
export interface FreshDatabase {
  readonly name: string
  /** Superuser: for looking behind the scenes only. */
  readonly adminUrl: string
  /** Owner of the database and of schema `public`: for migrations. */
  readonly ownerUrl: string
  /** Owns nothing: for the application. */
  readonly runtimeUrl: string
  /** May make schemas and roles: for provisioning. What it makes in the server itself must begin with the database's name. */
  readonly provisionerUrl: string
  /** Role name, for `grant … to`. Fit for SQL without quotes. */
  readonly ownerRole: string
  /** Role name, for `grant … to`. Fit for SQL without quotes. */
  readonly runtimeRole: string
  /** Role name. Fit for SQL without quotes. */
  readonly provisionerRole: string
  /** Drops it, ending whatever is still connected. */
  drop(): Promise<void>
}

/** A server, seen from any process that has its descriptor. */
export interface PostgresConnection {
  readonly descriptor: PostgresDescriptor
  /** Copies the template's 300 files: 20 ms in memory, up to 300 ms on a slow disk. */
  freshDatabase(): Promise<FreshDatabase>
}

/** Uses a server that another process started. Opens nothing by itself; nothing to close. */
export const connectPostgres = (descriptor: PostgresDescriptor): PostgresConnection => {
  const { adminUrl, owner, runtime, provisioner, template, prefix, major } = descriptor
  // In memory both strategies take 10 ms, but wal_log grows past 40 as the log does. The clause came with 15.
  const strategy = major >= 15 ? 'strategy file_copy' : ''
  return {
    descriptor,
    freshDatabase: async () => {
      const name = `${prefix}${randomBytes(6).toString('hex')}`
      // Privileges on a database are not part of its template.
      await execute(adminUrl, [
        `create database ${name} owner ${owner.name} template ${template} ${strategy}`,
        `revoke all on database ${name} from public`,
        `grant connect on database ${name} to ${runtime.name}`,
        `grant connect, create on database ${name} to ${provisioner.name}`,
      ])
      return {
        name,
        adminUrl: urlFor(adminUrl, name),
        ownerUrl: urlFor(adminUrl, name, owner),
        runtimeUrl: urlFor(adminUrl, name, runtime),
        provisionerUrl: urlFor(adminUrl, name, provisioner),
        ownerRole: owner.name,
        runtimeRole: runtime.name,
        provisionerRole: provisioner.name,
        drop: () => execute(adminUrl, [`drop database if exists ${name} with (force)`]),
      }
    },
  }
}
