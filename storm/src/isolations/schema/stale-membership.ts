import { errorCode } from '../../error-code.ts'
import { count } from '../../tally.ts'
import type { Turn } from '../../turn.ts'
import type { Nomad, Territory } from './nomads.ts'

/**
 * Whether a backend refuses a tenant's role although the login is its member. Postgres (15 and 18) remembers of which roles a login is
 * a member; a grant that is committed while a backend makes that list is missing in it until the next change of any role, since the
 * list is taken for fresh when it is done. Whoever meets that is refused, and gets nothing.
 */
export function isStaleMembership(error: unknown): boolean {
  if (errorCode(error) !== 'TENANT_STORE_MISSING' || !(error instanceof Error)) return false
  // Health tells the code only.
  return /is no member of the role|^not healthy$/.test(error.message)
}

/** Counts it, and changes the role into what it is, after which every backend makes its list anew. */
export async function refreshMembership(
  { world }: Turn,
  { tenant }: Nomad,
  { admin, stores }: Territory,
): Promise<void> {
  count(world.tally.errors, 'a stale membership')
  try {
    await admin.query(`alter role ${stores.of(tenant).role} nologin`)
  } catch (error) {
    // Gone in the meantime.
    if (errorCode(error) !== '42704') throw error
  }
}
