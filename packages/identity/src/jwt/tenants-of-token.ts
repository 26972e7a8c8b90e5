import {
  type Grant,
  isTenantId,
  type Match,
  type Member,
  type Membership,
  type Memberships,
  type Principal,
  TenancyError,
} from '@tenantry/core'
import { candidatesOf } from '../claims/candidates-of.ts'
import { homeOf } from '../members/home-of.ts'
import type { CheckedIssuer } from './check-issuer.ts'
import { principalOf } from './token-principal.ts'
import type { VerifiedToken } from './verified-tokens.ts'

/** What a token says that leads nowhere. */
export interface Refusal {
  readonly refused: string
}

/**
 * Which tenant a verified token names, or which it is good for. Asked for each request: nothing of the answer is kept.
 *
 * @returns `undefined` for a token without a claim of a tenant.
 * @throws {TenancyError} `CONFIG_INVALID` for a port that answers to another question, and whatever the ports throw.
 */
export async function tenantsOfToken({ issuer, claims }: VerifiedToken): Promise<Match | Grant | Refusal | undefined> {
  const principal = principalOf(claims, issuer)
  const { memberships, mappings } = issuer
  const member = memberOf(principal)
  if (memberships !== undefined && member === undefined) return { refused: 'it has no subject' }
  if (mappings !== undefined) return mapped(issuer, claims, principal, member)

  if (!Object.hasOwn(claims, issuer.claim)) {
    if (memberships === undefined || member === undefined) return undefined
    return {
      ...{ trust: 'verified', principal },
      admits: async tenant =>
        (await issuer.mayName(tenant, claims)) === true ? entering(memberships, member, tenant, principal) : undefined,
      home: async () => homeOf(await memberships.list(member)),
    }
  }
  const tenant = claims[issuer.claim]
  if (!isTenantId(tenant)) return { refused: 'its claim of a tenant is no id' }
  if ((await issuer.mayName(tenant, claims)) !== true) return { refused: 'its issuer may not speak for the tenant' }
  if (memberships === undefined || member === undefined)
    return { key: { kind: 'id', value: tenant }, trust: 'verified', principal }
  return {
    ...{ trust: 'verified', principal },
    async admits(wanted) {
      const found = await entering(memberships, member, wanted, principal)
      return wanted === tenant ? found : undefined
    },
    home: async () => tenant,
  }
}

async function mapped(
  issuer: CheckedIssuer,
  claims: VerifiedToken['claims'],
  principal: Principal,
  member: Member | undefined,
): Promise<Match | Grant | Refusal> {
  const { mappings, memberships, roles } = issuer
  const candidates = new Map<string, string | undefined>()
  if (mappings !== undefined) {
    for (const [tenant, role] of await candidatesOf(mappings, roles, issuer.issuer, claims))
      if ((await issuer.mayName(tenant, claims)) === true) candidates.set(tenant, role)
  }
  const [only] = candidates.keys()
  if (only === undefined) return { refused: 'its claims lead to no tenant' }
  const inTenant = (tenant: string): Principal => withRole(principal, candidates.get(tenant))
  if (candidates.size === 1) return { key: { kind: 'id', value: only }, trust: 'verified', principal: inTenant(only) }
  return {
    ...{ trust: 'verified', principal },
    admits: tenant => (candidates.has(tenant) ? inTenant(tenant) : undefined),
    async home() {
      if (memberships === undefined || member === undefined) return undefined
      return homeOf((await memberships.list(member)).filter(({ tenant }) => candidates.has(tenant)))
    },
  }
}

async function entering(
  memberships: Memberships,
  member: Member,
  tenant: string,
  principal: Principal,
): Promise<Principal | undefined> {
  const found: Membership | null | undefined = await memberships.find(member, tenant)
  if (found === undefined || found === null) return undefined
  if (found.tenant !== tenant) {
    const problems = [`asked for tenant ${tenant}, it answered with ${found.tenant}`]
    throw new TenancyError('CONFIG_INVALID', { source: 'The store of memberships', problems })
  }
  return withRole(principal, found.role ?? principal.role)
}

function withRole(principal: Principal, role: string | undefined): Principal {
  return role === undefined ? principal : { ...principal, role }
}

function memberOf({ issuer, subject }: Principal): Member | undefined {
  return issuer === undefined || subject === undefined || subject === '' ? undefined : { issuer, subject }
}
