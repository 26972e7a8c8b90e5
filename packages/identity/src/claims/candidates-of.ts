import { type ClaimMappings, isTenantId, TenancyError } from '@tenantry/core'
import { valuesOf } from './claim-values.ts'
import { higher } from './roles.ts'

/**
 * The tenants that the claims of a verified token lead to, each with the highest role (C34).
 *
 * @param roles - the highest first.
 * @throws {TenancyError} `CONFIG_INVALID` for a mapping that was not asked for, or whose role is unknown; whatever the mappings throw.
 */
export async function candidatesOf(
  mappings: ClaimMappings,
  roles: readonly string[],
  issuer: string,
  claims: Readonly<Record<string, unknown>>,
): Promise<ReadonlyMap<string, string | undefined>> {
  const names = await mappings.identityClaims(issuer)
  const values = names.flatMap(claim => valuesOf(claims, claim).map(value => ({ claim, value })))
  const candidates = new Map<string, string | undefined>()
  if (values.length === 0) return candidates
  const asked = new Set(values.map(textOf))
  for (const mapped of await mappings.findIdentities(issuer, values)) {
    const { tenant } = mapped
    const role = mapped.role ?? undefined
    if (!asked.has(textOf(mapped)) || !isTenantId(tenant)) throw wrong('it answers with what was not asked for')
    if (role !== undefined && !roles.includes(role))
      throw wrong(`tenant "${tenant}" maps to the unknown role "${role}"`)
    candidates.set(tenant, higher(roles, candidates.get(tenant), role))
  }
  return candidates
}

const textOf = ({ claim, value }: { readonly claim: string; readonly value: string }) => JSON.stringify([claim, value])

function wrong(problem: string): TenancyError {
  return new TenancyError('CONFIG_INVALID', { source: 'The mapping of claims', problems: [problem] })
}
