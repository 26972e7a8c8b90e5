/** A login role and its password. */
export interface PostgresRole {
  readonly name: string
  readonly password: string
}

/** All that another process needs to use a server; plain JSON. Holds passwords: not for logs. */
export interface PostgresDescriptor {
  readonly source: 'url' | 'debian' | 'embedded' | 'container'
  /** As the server says it: `18.4`. */
  readonly version: string
  readonly major: number
  /** Superuser. */
  readonly adminUrl: string
  /** Runs migrations; owns every fresh database and its schema `public`. */
  readonly owner: PostgresRole
  /** Serves requests; owns nothing, may connect and use `public`, sees what a test grants it. */
  readonly runtime: PostgresRole
  readonly provisioner: PostgresRole
  /** Database that fresh ones are copies of; nobody can connect to it. */
  readonly template: string
  /** Names of fresh databases start with it; unique to one run. */
  readonly prefix: string
}
