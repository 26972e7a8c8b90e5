import type { Logger, Secret } from '@tenantry/core'

/** How to become somebody at OpenBAO: by a token that was made elsewhere, or by AppRole. */
export type OpenbaoAuth =
  | { readonly token: Secret }
  | {
      readonly roleId: string
      readonly secretId: Secret
      /** Where the AppRole method is mounted, below `auth/`. Default `approle`. */
      readonly mount?: string
    }

/** A Postgres server as OpenBAO reaches it, in a connection that the source writes and keeps as it is said here. */
export interface OpenbaoManagedServer {
  readonly host: string
  readonly port: number
  /** The role that makes logins: CREATEROLE, with the ADMIN OPTION on the owner roles of tenants (Postgres 16 and later). */
  readonly username: string
  /**
   * Written when the connection is made or differs in what can be read of it, which the password is not: after a change of the
   * password alone, or a `rotate-root`, it is OpenBAO's own that counts.
   */
  readonly password: Secret
  /** The database to connect to. Logins belong to the whole server, so that one for all tenants is enough. Default `postgres`. */
  readonly database?: string
  /** As in libpq. Default `verify-full`. */
  readonly sslmode?: 'disable' | 'require' | 'verify-ca' | 'verify-full'
}

/**
 * Where a server's logins are made: a connection that the operator has made, by its name below `config/`, so that the
 * application never knows its password; or the facts from which the source makes one.
 */
export type OpenbaoServer =
  | {
      readonly connection: string
      /** The role that the connection logs in as, so that provisioning lets it grant owner roles; else see to that yourself. */
      readonly broker?: string
    }
  | OpenbaoManagedServer

/** The part of `fetch` that is used. */
export type OpenbaoFetch = (url: string, init: RequestInit) => Promise<Response>

/** Options of `openbaoLeases`. */
export interface OpenbaoOptions {
  /** Such as `https://openbao.internal:8200`. */
  readonly address: string
  /** Plain `http:` sends tokens and passwords for everybody on the way to read; it has to be asked for, also on loopback (S27). */
  readonly allowInsecure?: boolean
  /**
   * The addresses of the other nodes. A standby that cannot forward a request sends the client to the active node (OpenBAO,
   * "High Availability (HA) mode"); the token goes there only when the address stands here. Default none.
   */
  readonly nodes?: readonly string[]
  readonly auth: OpenbaoAuth
  /** Sent as `X-Vault-Namespace`. Default none: the root namespace. */
  readonly namespace?: string
  /** Where the database secrets engine is mounted. Default `database`. */
  readonly mount?: string
  /** By the names that placements use. */
  readonly servers: Readonly<Record<string, OpenbaoServer>>
  /** What the names of entries begin with, so that a policy can be about `tenantry.*`. Default `tenantry`. */
  readonly prefix?: string
  /** How long a lease lasts until it is renewed, in milliseconds, whole seconds (`default_ttl`). Default one hour. */
  readonly lifetime?: number
  /** How long it can be renewed, in milliseconds, whole seconds (`max_ttl`). Default one day. */
  readonly maxLifetime?: number
  /** Of one request, in milliseconds. Default 10 000: a revocation waits for sessions to end. */
  readonly timeout?: number
  /** To trust a private authority: `(url, init) => undici.fetch(url, { ...init, dispatcher })`. Default the global one. */
  readonly fetch?: OpenbaoFetch
  readonly logger?: Logger
}
