import type { Meaning } from './meaning.ts'
import { statuses } from './world.ts'

/** How a chain is set up. */
export interface ChainShape {
  /** The headers in the order in which they are asked; `:path` is the target. */
  readonly order: readonly string[]
  readonly onUnresolved: 'reject' | 'default'
  readonly onConflict: 'reject' | 'first'
  readonly absentStatus: 400 | 401
  readonly hideSuspended: boolean
  /** Whether `x-tenant-id` is believed. */
  readonly trusted: boolean
}

/** What comes of a request: the tenant, with the roles that credentials give there, or a code. */
export type Verdict = { readonly tenant: string; readonly roles: readonly string[] } | { readonly code: string }

type Name = Extract<Meaning, { is: 'name' }>
type Grant = Extract<Meaning, { is: 'grant' }>

/**
 * What must come of a request, said once more and otherwise: as sets of tenants, without a registry, a resolver or an order of questions.
 */
export function expected(shape: ChainShape, meaningOf: (header: string) => Meaning): Verdict {
  const [names, grants]: [Name[], Grant[]] = [[], []]
  for (const header of shape.order) {
    const means = meaningOf(header)
    if (means.is === 'bad') return { code: means.code }
    if (means.is === 'grant') grants.push(means)
    if (means.is !== 'name') continue
    names.push(header === 'x-tenant-id' && shape.trusted ? { ...means, trust: 'verified' } : means)
    if (shape.onConflict === 'first') break
  }
  const served = (tenant: string, roles: readonly string[]): Verdict => {
    const status = statuses[tenant]
    if (status === 'suspended') return { code: 'TENANT_SUSPENDED' }
    return status === 'active' ? { tenant, roles: roles.toSorted() } : { code: 'TENANT_NOT_READY' }
  }
  if (names.length + grants.length === 0) {
    if (shape.onUnresolved === 'default') return served('home', [])
    return { code: shape.absentStatus === 401 ? 'TENANT_CREDENTIALS_REQUIRED' : 'TENANT_ABSENT' }
  }
  const ambiguous = { code: 'TENANT_AMBIGUOUS' }
  const isSeen = (tenant: string | undefined): tenant is string => {
    const status = tenant === undefined ? 'archived' : (statuses[tenant] ?? 'archived')
    return status !== 'archived' && !(status === 'suspended' && shape.hideSuspended)
  }
  const proofs = names.filter(({ trust }) => trust === 'verified').map(({ tenant }) => tenant)
  if (names.length === 0) {
    const homes = grants.map(({ home }) => home)
    if (homes.includes(undefined)) return ambiguous
    proofs.push(...homes)
  }
  if (proofs.length === 0 && grants.length === 0) return { code: 'TENANT_UNVERIFIED' }

  const wanted = new Set(names.map(({ tenant }) => tenant).concat(proofs))
  if (proofs.some(tenant => !isSeen(tenant))) {
    const isNowhere = proofs.every(tenant => tenant === undefined) && names.every(({ fallback }) => fallback === true)
    if (isNowhere && grants.length === 0 && shape.onUnresolved === 'default') return served('home', [])
    return { code: 'TENANT_NOT_FOUND' }
  }
  const [tenant, ...others] = wanted
  if (others.length > 0 || !isSeen(tenant)) return ambiguous
  const roles = grants.map(({ roles: each }) => each[tenant])
  if (roles.includes(undefined)) return ambiguous
  return served(
    tenant,
    [...names.map(({ role }) => role), ...roles].filter(role => role !== undefined),
  )
}
