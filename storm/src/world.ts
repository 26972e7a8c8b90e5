import { AsyncResource } from 'node:async_hooks'
import { createTenancy, type Logger, memoryRegistry, type Tenancy, type Tenant } from '@tenantry/core'
import type { TenantClient, TenantPool } from '@tenantry/pg'
import type { IsolationKind, Route, SubjectTerms } from './isolation-kind.ts'
import { createTenantRows, type TenantRows } from './model.ts'
import { type ChooseOperation, chooserOf } from './operations.ts'
import type { Subject } from './subject.ts'
import { createTally, type Tally } from './tally.ts'

/** Options of {@link createWorld}. */
export interface WorldOptions extends Pick<SubjectTerms, 'freshDatabase' | 'route' | 'namedStatements'> {
  readonly kind: IsolationKind
  /** Default 200. */
  readonly tenants?: number
  readonly mutant?: SubjectTerms['mutant']
}

/** Everything that a storm rages in. */
export interface World {
  readonly kind: IsolationKind
  readonly route: Route
  readonly subject: Subject
  readonly tenants: readonly Tenant[]
  readonly rows: ReadonlyMap<Tenant, TenantRows>
  readonly tenancy: Tenancy
  /** Of whichever tenant is current. */
  readonly db: TenantPool
  readonly someOperation: ChooseOperation
  readonly tally: Tally
  /** Leases in use, for others to lay hands on. */
  readonly lent: Set<{ readonly tenant: string; readonly client: TenantClient }>
  /** Runs something outside every tenant context. */
  outside<T>(work: () => T): T
}

const rowsEach = 6

const logger: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

export async function createWorld(options: WorldOptions): Promise<World> {
  const { kind, route, mutant, freshDatabase, namedStatements } = options
  const registry = memoryRegistry()
  const tenants = Array.from({ length: options.tenants ?? 200 }, (_, at) => addTenant(at, tenantId(at)))
  function addTenant(at: number, id: string): Tenant {
    return registry.add({ id, slug: `tenant-${at}`, name: `Tenant ${at}`, ...kind.tenantInput?.(at, id) })
  }
  const rows = new Map(tenants.map(tenant => [tenant, createTenantRows(rowsEach)]))
  const first = new Map([...rows].map(([tenant, model]) => [tenant, model.known()]))
  const subject = await kind.open({ freshDatabase, route, namedStatements, first, logger, mutant })
  const tenancy = createTenancy({ registry, logger })
  return {
    ...{ kind, route, subject, tenants, rows, tenancy },
    db: tenancy.handle(subject.isolation),
    someOperation: chooserOf(subject.operations),
    tally: createTally(),
    lent: new Set(),
    outside: AsyncResource.bind((work: () => unknown) => work()) as World['outside'],
  }
}

/** Ids that begin like others, are UUIDs, or are as long as an id may be. */
function tenantId(at: number): string {
  switch (at % 4) {
    case 0:
      return `t${at}`
    case 1:
      return `t${at - 1}_${at}`
    case 2:
      return `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`
    default:
      return `${'long-'.repeat(12)}${String(at).padStart(4, '_')}`
  }
}
