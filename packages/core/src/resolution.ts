import { type AnyTenancyError, isTenancyError, TenancyError } from './errors.ts'
import type { EvidenceSource } from './evidence.ts'
import { admitAll, type Granted, homesOf } from './grants.ts'
import { frozenPrincipal } from './principal.ts'
import { describeKey, findTenant, type TenantRegistry } from './registry.ts'
import type { RequestView } from './request-view.ts'
import type { Grant, Match, Resolver } from './resolver.ts'
import { assertServable, isHidden, type ServableOptions } from './servable.ts'
import type { Tenant } from './tenant.ts'
import { snapshotOf } from './tenant-snapshot.ts'
import type { OpenStep, Outcome, Step, Trace } from './trace.ts'

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
  readonly step: OpenStep
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
  const grants: Granted[] = []

  for (const resolver of options.resolvers) {
    const by = resolver.name
    let match: Match | Grant | undefined
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
    const step: OpenStep = { by, trust: match.trust }
    const credential = match.trust === 'verified' ? match.principal?.credential : undefined
    if (credential !== undefined) step.credential = credential
    steps.push(step)
    if ('admits' in match) {
      grants.push({ by, grant: match, step })
      continue
    }
    step.key = match.key
    found.push({ by, match, step })
    if (options.onConflict === 'first') break
  }

  if (found.length === 0 && grants.length === 0) {
    if (options.onUnresolved === 'default') return serveDefault('No resolver found a signal.')
    const tried = options.resolvers.map(resolver => resolver.name)
    const code = options.absentStatus === 401 ? 'TENANT_CREDENTIALS_REQUIRED' : 'TENANT_ABSENT'
    return refuse('absent', new TenancyError(code, { tried }), 'No resolver found a signal.')
  }

  const sources = [...found, ...grants].map(({ by }) => by)
  const ambiguous = (reason: string) => refuse('ambiguous', new TenancyError('TENANT_AMBIGUOUS', { sources }), reason)
  const homes = found.length === 0 ? await homesOf(grants) : []
  if (homes === undefined) return ambiguous('A credential is good for several tenants, and nothing chooses one.')
  const isVerified = ({ match }: Found) => match.trust === 'verified'
  // Where a credential says which tenants may be entered, what is merely asserted may choose among them.
  const isChoice = grants.length > 0 && homes.length === 0 && !found.some(isVerified)
  // Before the registry is asked: a mere assertion must not tell the caller which tenants exist.
  if (grants.length === 0 && !found.some(isVerified)) {
    return refuse(
      'unverified',
      new TenancyError('TENANT_UNVERIFIED', { sources }),
      'Only unverified sources name a tenant.',
    )
  }

  const hides = (answer: Tenant) => isHidden(answer, options)
  // Of no answer a copy, as of none that hides, so that the time is the same.
  const all = () => true
  const tenants = new Map<string, Tenant>()
  const missing: Missing[] = []
  for (const one of isChoice ? found : [...homes, ...found.filter(isVerified)]) {
    const tenant = await lookUp(one, isChoice ? all : hides)
    // One way for both, before the sources are compared: neither the answer nor its time tells that a tenant was archived.
    if (tenant === undefined || hides(tenant)) missing.push({ ...one, hidden: tenant })
    else tenants.set(tenant.id, tenant)
  }

  const [first] = missing
  if (first !== undefined && !isChoice) {
    const key = describeKey(first.match.key)
    const isFallback = tenants.size === 0 && grants.length === 0 && found.every(({ match }) => match.fallback === true)
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
  for (const one of isChoice ? [] : found.filter(one => !isVerified(one))) {
    const tenant = await lookUp(one, all)
    confirmed.push(tenant !== undefined && tenants.has(tenant.id))
  }
  const [tenant, other] = tenants.values()
  const isOne = tenant !== undefined && other === undefined && missing.length === 0 && !confirmed.includes(false)
  // Asked also where there is nothing to enter, so that the time does not tell.
  const admitted = await admitAll(grants, isOne ? tenant.id : undefined)
  if (!isOne) return ambiguous('The sources name different tenants.')
  if (admitted === undefined) return ambiguous('A credential is not good for the tenant that is named.')
  const [named] = [...found, ...homes]
  const key = named === undefined ? '' : describeKey(named.match.key)
  return serve('resolved', snapshotOf(tenant), key, `Named by ${sources.join(' and ')}.`, admitted)

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

  function serve(
    outcome: 'resolved' | 'defaulted',
    candidate: Tenant,
    name: string,
    reason: string,
    admitted: readonly EvidenceSource[] = [],
  ): Decision {
    try {
      assertServable(candidate, name, options)
    } catch (error) {
      if (!isTenancyError(error)) throw error
      return refuse('inactive', error, `${reason} It is ${candidate.status}.`)
    }
    return {
      tenant: candidate,
      sources: Object.freeze([...found.map(sourceOf), ...admitted]),
      trace: { outcome, steps, tenant: candidate.id, reason },
    }
  }

  function refuse(outcome: Outcome, error: AnyTenancyError | TenancyError, reason: string): Decision {
    return { error: error as TenancyError, trace: { outcome, steps, code: error.code, reason } }
  }
}
