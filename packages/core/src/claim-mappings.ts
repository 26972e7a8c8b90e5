import type { Awaitable } from './awaitable.ts'

/** A claim and one of the texts that stand in it. */
export interface ClaimValue {
  /** The name of a member of the token; what begins with `/` is a JSON Pointer (RFC 6901). */
  readonly claim: string
  readonly value: string
}

/** What one value of a claim means. */
export interface MappedClaim extends ClaimValue {
  readonly tenant: string
  /** What whoever has it is in that tenant. */
  readonly role?: string | null | undefined
}

/**
 * Which values of which claims lead to which tenants: the port of claims. Each tenant has its own claims and values; one value of a
 * claim of an issuer never leads to two tenants. `postgresRegistry` keeps such mappings, `memoryClaimMappings` those of a configuration.
 */
export interface ClaimMappings {
  /** The claims of an issuer in which any tenant has a value. */
  identityClaims(issuer: string): Awaitable<readonly string[]>
  /** What is mapped of these values. Compared exactly. */
  findIdentities(issuer: string, values: readonly ClaimValue[]): Awaitable<readonly MappedClaim[]>
}
