import { describe, inject } from 'vitest'
import type { PostgresForTests } from './postgres-for-tests.ts'
import { availablePostgres, unavailablePostgres } from './postgres-for-tests.ts'
import type {} from './provided-postgres.ts'

/** How `runtimeUrl` reaches the server. */
export type PostgresRoute = 'direct' | 'pgbouncer'

/** What {@link describePostgres} may be told. */
export interface DescribePostgresOptions {
  /** The whole suite runs once for each. Default `['direct']`. */
  readonly through?: readonly PostgresRoute[]
}

const routeOf = (route: PostgresRoute) => {
  const postgres = inject('tenantryPostgres')
  if (!postgres) throw new Error('This vitest project has no PostgreSQL: name the file *.pg.test.ts.')
  if (route === 'direct') return { title: '', postgres, bouncer: undefined }
  const bouncer = inject('tenantryPgBouncer')
  const title = 'descriptor' in bouncer ? ` [through PgBouncer ${bouncer.descriptor.version}]` : ' [through PgBouncer]'
  return { title, postgres, bouncer }
}

/**
 * A `describe` against the project's real PostgreSQL, directly, through PgBouncer in transaction mode, or both. Where one
 * of them is missing, what needs it is skipped, and its name says why.
 *
 * @throws Error in a vitest project that has no PostgreSQL: such files are named `*.pg.test.ts`.
 * @example
 * describePostgres('notes', pg => {
 *   it('has a database', async () => {
 *     const { runtimeUrl } = await pg.freshDatabase()
 *   })
 * }, { through: ['direct', 'pgbouncer'] })
 */
export const describePostgres = (
  name: string,
  tests: (pg: PostgresForTests) => void,
  { through = ['direct'] }: DescribePostgresOptions = {},
): void => {
  for (const route of through) {
    const { title, postgres, bouncer } = routeOf(route)
    const missing = [postgres, bouncer].find(provided => provided && 'unavailable' in provided)
    if (missing && 'unavailable' in missing) {
      const { unavailable: reason } = missing
      describe.skip(`${name}${title} [skipped: ${reason}]`, () => tests(unavailablePostgres(reason)))
    } else if ('descriptor' in postgres) {
      const pooler = bouncer && 'descriptor' in bouncer ? bouncer.descriptor : undefined
      describe(`${name}${title}`, () => tests(availablePostgres(postgres.descriptor, pooler)))
    }
  }
}
