import { careless, frozenPlans, unchecked } from './broken.ts'
import { type Canary, canary } from './canary.ts'

/** Adapters that let a statement cross tenants. */
export const confinementCanaries: readonly Canary[] = [
  canary('reading never crosses tenants', 'A note that is not found is looked up without the tenant.', () =>
    careless('get'),
  ),
  canary('listing never crosses tenants', 'An empty list is listed again without the tenant.', () => careless('list')),
  canary('counting never crosses tenants', 'A count of none is taken of all tenants.', () => careless('count')),
  canary('updating never crosses tenants', 'An update that finds nothing is repeated without the tenant.', () =>
    careless('update'),
  ),
  canary('removing never crosses tenants', 'A removal that finds nothing is repeated without the tenant.', () =>
    careless('delete'),
  ),
  canary('a note put as another tenant is refused', 'New rows are not checked.', () => unchecked('insert')),
  canary('a note moved to another tenant is refused', 'Changed rows are not checked.', () => unchecked('update')),
  canary(
    'the same id in two tenants is two notes',
    'The unique key is without the tenant.',
    () => ({
      key: row => row.id,
    }),
    ['an upsert never finds the note of another tenant'],
  ),
  canary(
    'a handle follows its tenant: A, B, A',
    'The tenant is folded into the plan of a prepared statement.',
    () => frozenPlans('insert'),
    [
      ...['interleaved units of work never meet', 'interleaved single statements never meet'],
      // Each makes more tenants than a plan is made anew for.
      'ids that differ by a delimiter only are two tenants',
      'an id that means something elsewhere is only an id',
      'an id against the rule is refused or kept apart',
    ],
  ),

  canary('an upsert never finds the note of another tenant', 'An upsert looks for its id in all tenants.', () => ({
    ...careless('upsert'),
  })),
  canary(
    'what a change gives back is of one tenant',
    'A change that finds nothing is repeated without the tenant.',
    () => careless('returning'),
  ),
  canary('a common table expression never crosses tenants', 'A common table expression is not filtered.', () =>
    careless('sweep'),
  ),
  canary('a join never crosses tenants', 'A join is not filtered.', () => careless('join')),
  canary('an aggregate never crosses tenants', 'An aggregate is not filtered.', () => careless('group')),
  canary('a prepared statement is planned for no tenant', 'The tenant is folded into a plan under a name.', () =>
    frozenPlans('prepared'),
  ),
  canary('a cursor goes on as the tenant that opened it', 'A cursor is not filtered.', () => careless('fetch')),
  canary('what is written in bulk is of one tenant', 'Whoever writes in bulk first owns all of it.', () => {
    let first: string | undefined
    return {
      tenantOf(tenant, verb) {
        if (verb !== 'bulk') return tenant
        first ??= tenant
        return first
      },
    }
  }),
  canary('a note of another tenant in bulk is refused', 'What is written in bulk is not checked.', () =>
    unchecked('bulk'),
  ),
  canary('reading much at once never crosses tenants', 'What reads much is not filtered.', () => careless('copy')),
]
