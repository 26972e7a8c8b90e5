import { type AnyTenancyError, isTenancyError, TenancyError } from './errors.ts'
import type { EvidenceSource } from './evidence.ts'
import { frozenPrincipal } from './principal.ts'
import { describeKey, findTenant, type TenantKey, type TenantRegistry } from './registry.ts'
import type { RequestView } from './request-view.ts'
import type { Match, Resolver } from './resolver.ts'
import { assertServable, isHidden, type ServableOptions } from './servable.ts'
import type { Tenant } from './tenant.ts'
import { snapshotOf } from './tenant-snapshot.ts'

/**
 * How the resolution of a request ended.
 *
 * - `resolved`: a verified source names a tenant that may be served
 * - `defaulted`: served by the default tenant, as configured
 * - `absent`: no signal at all
 * - `unknown`: a signal, but no such tenant
 * - `invalid`: a malformed signal or a bad credential
 * - `unverified`: named, but only by sources that nothing vouches for
 * - `ambiguous`: sources name different tenants
 * - `inactive`: found, but may not be served
 */
export type Outcome =
  | 'resolved'
  | 'defaulted'
  | 'absent'
  | 'unknown'
  | 'invalid'
  | 'unverified'
  | 'ambiguous'
  | 'inactive'

/** What one resolver made of a request. */
export interface Step {
  readonly by: string
  readonly key?: TenantKey
  readonly trust?: Match['trust']
  /** The id of the credential that was verified. */
  readonly credential?: string
  /** The id of the tenant that the key names. */
  readonly tenant?: string
  /** What is wrong with the signal. */
  readonly error?: string
}

/** Why a request was sent where it was sent, or refused. Safe to log. */
export interface Trace {
  readonly outcome: Outcome
  /** One entry for each resolver that was asked, in order. */
  readonly steps: readonly Step[]
  /** The tenant that the request is served for. */
  readonly tenant?: string
  /** The code of the refusal. */
  readonly code?: AnyTenancyError['code']
  /** Why the outcome is what it is, as a sentence. */
  readonly reason: string
}

/** How a chain decides. */
export interface ChainOptions extends ServableOptions {
  readonly registry: TenantRegistry
  readonly resolvers: readonly Resolver[]
  readonly onUnresolved: 'reject' | 'default'
  readonly onConflict: 'reject' | 'first'
  readonly absentStatus: 400 | 401
}

/** A decision and its trace: either a tenant, or the error that refuses the request. */
export type Decision =
  | {
      readonly tenant: Tenant
      readonly sources: readonly EvidenceSource[]
      readonly error?: never
      readonly trace: Trace
    }
  | { readonly tenant?: never; readonly sources?: never; readonly error: TenancyError; readonly trace: Trace }

interface Found {
  readonly by: string
  readonly match: Match
  /** Its entry in the trace. */
  readonly step: { -readonly [Name in keyof Step]: Step[Name] }
}

/** A verified source whose tenant does not exist, or must look so. */
interface Missing extends Found {
  readonly hidden: Tenant | undefined
}

function sourceOf({ by, match }: Found): EvidenceSource {
  const { trust, principal } = match
  const who = trust === 'verified' && principal !== undefined ? { principal: frozenPrincipal(principal) } : {}
  return Object.freeze({ resolver: by, trust, ...who })
}

/**
 * Asks the chain of resolvers, then the registry, and decides. Refusals are returned, not thrown; what is thrown is a
 * resolver or a registry that broke.
 */
export async function decide(options: ChainOptions, request: RequestView): Promise<Decision> {
  const steps: Step[] = []
  const found: Found[] = []

  for (const resolver of options.resolvers) {
    const by = resolver.name
    let match: Match | undefined
    try {
      match = await resolver.resolve(request)
    } catch (error) {
      // A status of 500 and up speaks of this side, such as a store of API keys that is down: no signal was judged.
      if (!isTenancyError(error) || error.status >= 500) throw error
      steps.push({ by, error: error.message })
      return refuse('invalid', error, `The signal of "${by}" is bad, and a bad signal never falls back.`)
    }
    if (match === undefined) {
      steps.push({ by })
      continue
    }
    const step: Found['step'] = { by, key: match.key, trust: match.trust }
    const credential = match.trust === 'verified' ? match.principal?.credential : undefined
    if (credential !== undefined) step.credential = credential
    steps.push(step)
    found.push({ by, match, step })
    if (options.onConflict === 'first') break
  }

  if (found.length === 0) {
    if (options.onUnresolved === 'default') return serveDefault('No resolver found a signal.')
    const tried = options.resolvers.map(resolver => resolver.name)
    const code = options.absentStatus === 401 ? 'TENANT_CREDENTIALS_REQUIRED' : 'TENANT_ABSENT'
    return refuse('absent', new TenancyError(code, { tried }), 'No resolver found a signal.')
  }

  const sources = found.map(({ by }) => by)
  // Before the registry is asked: a mere assertion must not tell the caller which tenants exist.
  if (found.every(({ match }) => match.trust !== 'verified')) {
    return refuse(
      'unverified',
      new TenancyError('TENANT_UNVERIFIED', { sources }),
      'Only unverified sources name a tenant.',
    )
  }

  const hides = (answer: Tenant) => isHidden(answer, options)
  const tenants = new Map<string, Tenant>()
  const missing: Missing[] = []
  for (const one of found.filter(({ match }) => match.trust === 'verified')) {
    const tenant = await lookUp(one, hides)
    // One way for both, before the sources are compared: neither the answer nor its time tells that a tenant was archived.
    if (tenant === undefined || hides(tenant)) missing.push({ ...one, hidden: tenant })
    else tenants.set(tenant.id, tenant)
  }

  const [first] = missing
  if (first !== undefined) {
    const key = describeKey(first.match.key)
    const isFallback = tenants.size === 0 && found.every(({ match }) => match.fallback === true)
    const isUnknown = missing.every(({ hidden }) => hidden === undefined)
    if (options.onUnresolved === 'default' && isFallback && isUnknown) return serveDefault(`No tenant has ${key}.`)
    const error = new TenancyError('TENANT_NOT_FOUND', { key })
    const { by, hidden } = first
    return hidden === undefined
      ? refuse('unknown', error, `"${by}" names ${key}, and no tenant has it.`)
      : refuse('inactive', error, `"${by}" names ${key}, whose tenant is ${hidden.status}.`)
  }

  // What is merely asserted can only agree. Whether it names another tenant or none is not the caller's to know.
  const confirmed: boolean[] = []
  for (const one of found.filter(({ match }) => match.trust !== 'verified')) {
    // Of no answer a copy, as of none that hides, so that the time is the same.
    const tenant = await lookUp(one, () => true)
    confirmed.push(tenant !== undefined && tenants.has(tenant.id))
  }
  const [tenant, other] = tenants.values()
  if (tenant === undefined || other !== undefined || confirmed.includes(false)) {
    return refuse('ambiguous', new TenancyError('TENANT_AMBIGUOUS', { sources }), 'The sources name different tenants.')
  }
  const key = found[0] === undefined ? '' : describeKey(found[0].match.key)
  return serve('resolved', tenant, key, `Named by ${sources.join(' and ')}.`)

  async function lookUp({ match, step }: Found, hidden: (answer: Tenant) => boolean): Promise<Tenant | undefined> {
    const tenant = await findTenant(options.registry, match.key, hidden)
    if (tenant !== undefined) step.tenant = tenant.id
    return tenant
  }

  async function serveDefault(why: string): Promise<Decision> {
    const fallback: Tenant | null | undefined = await options.registry.findDefault()
    if (fallback === undefined || fallback === null) {
      const error = new TenancyError('TENANT_NOT_FOUND', { key: 'default tenant' })
      return refuse('unknown', error, `${why} There is no default tenant.`)
    }
    return serve(
      'defaulted',
      snapshotOf(fallback),
      'default tenant',
      `${why} The default tenant serves it, as configured.`,
    )
  }

  function serve(outcome: 'resolved' | 'defaulted', candidate: Tenant, name: string, reason: string): Decision {
    try {
      assertServable(candidate, name, options)
    } catch (error) {
      if (!isTenancyError(error)) throw error
      return refuse('inactive', error, `${reason} It is ${candidate.status}.`)
    }
    return {
      tenant: candidate,
      sources: Object.freeze(found.map(sourceOf)),
      trace: { outcome, steps, tenant: candidate.id, reason },
    }
  }

  function refuse(outcome: Outcome, error: AnyTenancyError | TenancyError, reason: string): Decision {
    return { error: error as TenancyError, trace: { outcome, steps, code: error.code, reason } }
  }
}
