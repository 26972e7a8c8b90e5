import type {
  AuditLog,
  Awaitable,
  EnrolmentPool,
  EnrolmentRedemption,
  EnrolmentStore,
  EnrolmentToken,
  Logger,
  Secret,
  Tenancy,
  TenantRegistry,
} from '@tenantry/core'

/** Options of {@link createEnrolment}. */
export interface EnrolmentOptions {
  /** Of one process: `memoryEnrolment()`. Of several: the property `enrolment` of a Postgres registry. */
  readonly store: EnrolmentStore
  /** Where it is looked up whether a tenant is active. */
  readonly registry: Pick<TenantRegistry, 'find'>
  /** Those who enrol are bound in a unit of work of their tenant. */
  readonly tenancy: Pick<Tenancy, 'run'>
  /** Written to before anything happens. Default: nowhere. */
  readonly audit?: AuditLog
  /**
   * Milliseconds after which an attempt to bind counts as crashed, so that the same redeemer may go on with it. Default 60,000; longer than
   * {@link Redeeming.bind} ever takes.
   */
  readonly lease?: number
  /** Hears what was refused and what failed. Default: warnings and errors as JSON lines on standard error. */
  readonly logger?: Logger
}

/** Who makes or revokes something, and why; for the audit. */
export interface EnrolmentAct {
  readonly actor: string
  readonly reason?: string
}

/** Whom to bind, and to what. */
export interface Enrolling {
  readonly tenantId: string
  /** Where the pool or the token puts whoever enrols. */
  readonly group?: string | undefined
  /** The same at every attempt of this redeemer with this token. */
  readonly redemption: string
  readonly redeemer: string
}

/** How a token is redeemed. */
export interface Redeeming<T, U = never> {
  /**
   * What is bound: 1–256 characters that the one who enrols has proved to be theirs, such as the thumbprint of the public key of their TLS
   * connection. Whoever names the same may go on with an attempt that crashed, so it must be worth nothing to somebody else.
   */
  readonly redeemer: string
  /**
   * Binds an identity to the tenant, in a unit of work of this tenant. Called again, with the same `redemption`, when an attempt has failed
   * or crashed: what it writes must be written under that id, so that twice is once.
   */
  bind(enrolling: Enrolling): Awaitable<T>
  /**
   * What becomes of those who bring no token, in no tenant (C32). Default: they are refused. A redeemer that a token has bound is refused all
   * the same, so that nobody is there twice.
   */
  unscoped?(redeemer: string): Awaitable<U>
}

/** Pools and tokens with which those who have no credential yet enter a tenant. */
export interface Enrolment {
  /**
   * Makes a pool (A24–A31).
   *
   * @param pool - `ttl` is how many milliseconds each issued token is good for.
   * @returns the pool, and its secret: show it once to whom it is for.
   * @throws {TenancyError} `INPUT_INVALID` for a name that is none or is taken; `TENANT_NOT_FOUND`; `ARGUMENT_INVALID` for a bad `ttl`.
   */
  createPool(
    pool: Pick<EnrolmentPool, 'tenantId' | 'name' | 'group' | 'ttl'>,
    act: EnrolmentAct,
  ): Promise<{ readonly pool: EnrolmentPool; readonly secret: Secret }>
  pools(tenantId: string): Promise<readonly EnrolmentPool[]>
  /** Gives the pool another secret; the old one is dead at once. @throws {TenancyError} `INPUT_INVALID` for what is no pool of the tenant. */
  rotatePoolSecret(tenantId: string, poolId: string, act: EnrolmentAct): Promise<Secret>
  /** For ever, with all its tokens, at once. @throws {TenancyError} `INPUT_INVALID` for what is no pool of the tenant. */
  revokePool(tenantId: string, poolId: string, act: EnrolmentAct): Promise<void>
  /**
   * Issues a token of a pool, for whoever has the pool's secret. Tenant, group, lifetime and number of uses are the pool's (A25).
   *
   * @throws {TenancyError} `CREDENTIAL_INVALID` for a pool that is unknown or revoked, another's secret, or a tenant that is not active: one
   * error for all, after the same work; `INPUT_INVALID` for a label of more than 200 characters.
   */
  issue(
    poolId: string,
    poolSecret: string,
    options?: { readonly label?: string | undefined },
  ): Promise<{ readonly token: EnrolmentToken; readonly secret: Secret }>
  /**
   * Makes a token without a pool (S34, C31): for a tenant's own operator, who needs nothing of the platform (A42).
   *
   * @param token - `maxUses` is 1 by default; `lifetime`, in milliseconds, 7 days; `null` is without end.
   * @throws {TenancyError} `TENANT_NOT_FOUND`; `INPUT_INVALID`; `ARGUMENT_INVALID`
   */
  createToken(
    token: Pick<EnrolmentToken, 'tenantId' | 'group' | 'label'> & {
      readonly maxUses?: number
      readonly lifetime?: number | null
    },
    act: EnrolmentAct,
  ): Promise<{ readonly token: EnrolmentToken; readonly secret: Secret }>
  /** All tokens of a tenant, the newest first; nothing in them is secret. */
  tokens(tenantId: string): Promise<readonly EnrolmentToken[]>
  /** For ever, at once. @throws {TenancyError} `INPUT_INVALID` for what is no token of the tenant. */
  revokeToken(tenantId: string, tokenId: string, act: EnrolmentAct): Promise<void>
  /** Who redeemed a token, and whose attempt has not come to its end. */
  redemptions(tenantId: string, tokenId: string): Promise<readonly EnrolmentRedemption[]>
  /**
   * Redeems a token: takes a use of it, binds, notes that it is bound. When binding fails or the process dies, the use stays taken for this
   * redeemer, who may send the same token again; nobody else may.
   *
   * @param token - as it was sent; `undefined` when none was.
   * @returns what `bind` returns.
   * @throws {TenancyError} `CREDENTIAL_INVALID` for a token that is unknown, expired, used, revoked or of a tenant that is not active: one error
   * for all, after the same work; `INPUT_INVALID` for a bad redeemer; `OPERATION_TAKEN` when another attempt has overtaken this one; and what
   * `bind` throws.
   */
  redeem<T, U = never>(token: string | undefined, redeeming: Redeeming<T, U>): Promise<T | U>
}
