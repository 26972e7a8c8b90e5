import type { Logger, Tenant, TenantInput } from '@tenantry/core'
import type { FreshDatabase } from '@tenantry/servers'
import type { Mutant } from './mutant.ts'
import type { Subject } from './subject.ts'

/** How the application reaches its servers. */
export type Route = 'direct' | 'pgbouncer'

/** An isolation as the storm knows it: everything that is not the same for all of them. Each is a room in `isolations/`. */
export interface IsolationKind {
  /** As on the command line: `rls`. */
  readonly name: string
  /** What was chosen of it, such as `seal stamp`; '' where there is nothing to choose. */
  readonly variant: string
  /** Why what it leaves open by design is open. */
  readonly openBecause: string
  /** The ways that lead to its servers. Default both. */
  readonly routes?: readonly Route[]
  /** What a tenant is made with besides its id, slug and name. */
  tenantInput?(at: number, id: string): Partial<TenantInput>
  /** Makes stores for all tenants, with their first rows, and the isolation over them. */
  open(terms: SubjectTerms): Promise<Subject>
}

/** What a kind is told to make a subject of. */
export interface SubjectTerms {
  /** Its `runtimeUrl` leads through the pooler where the route says so. */
  freshDatabase(): Promise<FreshDatabase>
  readonly route: Route
  readonly namedStatements: boolean
  /** The rows that each tenant begins with: their versions by id. */
  readonly first: ReadonlyMap<Tenant, ReadonlyMap<number, number>>
  readonly logger: Logger
  /** Something that is broken on purpose. What is unsafe is then served all the same. */
  readonly mutant: Mutant | undefined
}

/** For people: `rls, seal stamp`. */
export function titleOf({ name, variant }: Pick<IsolationKind, 'name' | 'variant'>): string {
  return variant === '' ? name : `${name}, ${variant}`
}
