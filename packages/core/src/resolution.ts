import { type AnyTenancyError, isTenancyError, TenancyError } from './errors.ts'
import { describeKey, findTenant, type TenantKey, type TenantRegistry } from './registry.ts'
import type { RequestView } from './request-view.ts'
import type { Match, Resolver } from './resolver.ts'
import { assertServable, type ServableOptions } from './servable.ts'
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
  | { readonly tenant: Tenant; readonly error?: never; readonly trace: Trace }
  | { readonly tenant?: never; readonly error: TenancyError; readonly trace: Trace }

interface Found {
  readonly by: string
  readonly match: Match
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
    steps.push({ by, key: match.key, trust: match.trust })
    found.push({ by, match })
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

  const tenants = new Map<string, Tenant>()
  const unknown: Found[] = []
  for (const one of found.filter(({ match }) => match.trust === 'verified')) {
    const tenant = await lookUp(one)
    if (tenant === undefined) unknown.push(one)
    else tenants.set(tenant.id, tenant)
  }

  const missing = unknown[0]
  if (missing !== undefined) {
    const key = describeKey(missing.match.key)
    const isFallback = tenants.size === 0 && found.every(({ match }) => match.fallback === true)
    if (options.onUnresolved === 'default' && isFallback) return serveDefault(`No tenant has ${key}.`)
    const error = new TenancyError('TENANT_NOT_FOUND', { key })
    return refuse('unknown', error, `"${missing.by}" names ${key}, and no tenant has it.`)
  }

  const named = `Named by ${sources.join(' and ')}.`
  const key = found[0] === undefined ? '' : describeKey(found[0].match.key)
  for (const tenant of tenants.values()) {
    const decision = serve('resolved', tenant, key, named)
    // Before the sources are compared: an archived tenant must look like an unknown one there, too.
    if (decision.error?.code === 'TENANT_NOT_FOUND') return decision
  }
  // What is merely asserted can only agree. Whether it names another tenant or none is not the caller's to know.
  const confirmed: boolean[] = []
  for (const one of found.filter(({ match }) => match.trust !== 'verified')) {
    const tenant = await lookUp(one)
    confirmed.push(tenant !== undefined && tenants.has(tenant.id))
  }
  const [tenant, other] = tenants.values()
  if (tenant === undefined || other !== undefined || confirmed.includes(false)) {
    return refuse('ambiguous', new TenancyError('TENANT_AMBIGUOUS', { sources }), 'The sources name different tenants.')
  }
  return serve('resolved', tenant, key, named)

  async function lookUp({ by, match }: Found): Promise<Tenant | undefined> {
    const tenant = await findTenant(options.registry, match.key)
    const step = steps.findIndex(entry => entry.by === by && entry.key === match.key)
    if (tenant !== undefined) steps[step] = { ...(steps[step] as Step), tenant: tenant.id }
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
    return { tenant: candidate, trace: { outcome, steps, tenant: candidate.id, reason } }
  }

  function refuse(outcome: Outcome, error: AnyTenancyError | TenancyError, reason: string): Decision {
    return { error: error as TenancyError, trace: { outcome, steps, code: error.code, reason } }
  }
}
