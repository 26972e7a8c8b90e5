import { named } from './broken.ts'
import { type Canary, canary } from './canary.ts'

/** Adapters that make the same name of two ids. */
export const identifierCanaries: readonly Canary[] = [
  canary('ids that differ by case only are two tenants', 'Names are folded to lower case.', () =>
    named(id => id.toLowerCase()),
  ),
  canary('ids that share their first 63 bytes are two tenants', 'Names are cut off after 63 bytes.', () =>
    named(id => id.slice(0, 63)),
  ),
  canary('ids that differ by a delimiter only are two tenants', 'Names have underscores for hyphens.', () =>
    named(id => id.replaceAll('-', '_')),
  ),
  canary('an id that means something elsewhere is only an id', 'A tenant called "null" is taken for none.', () => ({
    using: (row, tenant) => row.tenant === tenant || tenant === 'null',
  })),
  canary('an id against the rule is refused or kept apart', 'Keys are found by a prefix that ends in a colon.', () => ({
    using: (row, tenant) => row.tenant === tenant || row.tenant.startsWith(`${tenant}:`),
  })),
]
