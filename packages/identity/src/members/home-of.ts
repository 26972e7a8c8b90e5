import type { Membership } from '@tenantry/core'

/** Where a user is led who chooses no tenant: to the one that is theirs alone, or their default. Nothing is picked among several. */
export function homeOf(memberships: readonly Membership[]): string | undefined {
  const chosen = memberships.length === 1 ? memberships : memberships.filter(({ isDefault }) => isDefault === true)
  return chosen.length === 1 ? chosen[0]?.tenant : undefined
}
