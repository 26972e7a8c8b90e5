import { TenancyError } from '../errors.ts'
import { type MemoryRegistry, memoryRegistry } from '../registries/memory-registry.ts'
import type { Tenant } from '../tenant.ts'
import type { AuditEntry } from './audit.ts'
import { outcomeOf } from './outcome.ts'
import type { Claim, JournalStep, Operation, TenantDomain, TenantStore, TenantWrite } from './tenant-store.ts'
import { assertTransition, type OperationKind } from './transitions.ts'

/** A {@link TenantStore} in this process's memory. */
export interface MemoryTenantStore extends TenantStore {
  /** What was audited, in its order. */
  readonly trail: readonly AuditEntry[]
}

const longestPage = 1_000

interface Kept {
  operation: Operation
  claim: number
  /** Milliseconds of the process's own clock. */
  until: number
}

/**
 * A {@link TenantStore} that ends with its process: for tests, and to try a life cycle out. What must last stands in Postgres.
 *
 * @example
 * const lifecycle = createLifecycle({ store: memoryTenantStore() })
 */
export function memoryTenantStore(): MemoryTenantStore {
  const registry: MemoryRegistry = memoryRegistry()
  const operations = new Map<string, Kept>()
  const keys = new Map<string, string>()
  const trail: AuditEntry[] = []

  function write(change: TenantWrite, kind?: OperationKind): Tenant | undefined {
    if ('insert' in change) return registry.add(change.insert)
    const id = 'update' in change ? change.update : change.remove
    const before = registry.find({ kind: 'id', value: id }) as Tenant | undefined
    if (before === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${id}` })
    if (kind !== undefined) assertTransition(kind, before)
    if ('remove' in change) return void registry.remove(id)
    const { set, expected } = change
    if (Object.keys(set).length > 0) return registry.update(id, set, expected)
    if (expected !== undefined && expected !== before.version) {
      throw new TenancyError('VERSION_CONFLICT', { tenant: id, expected, actual: before.version })
    }
    return before
  }

  function kept(id: string): Kept | undefined {
    return operations.get(id)
  }

  function isOpen({ operation }: Kept): boolean {
    return operation.state === 'running' || operation.state === 'undoing'
  }

  return {
    trail,
    find: registry.find,
    findDefault: registry.findDefault,
    list: registry.list,
    async findControl() {
      for await (const tenant of registry.list()) if (tenant.isControl) return tenant
      return undefined
    },
    async page({ after = '', limit = 100, statuses } = {}) {
      if (!Number.isInteger(limit) || limit < 1 || limit > longestPage) {
        throw new TenancyError('INPUT_INVALID', {
          field: 'limit',
          rule: `must be a whole number from 1 to ${longestPage}`,
        })
      }
      const tenants: Tenant[] = []
      for await (const tenant of registry.list()) {
        if (tenant.id <= after || (statuses !== undefined && !statuses.includes(tenant.status))) continue
        const last = tenants.at(-1)
        if (tenants.length === limit && last !== undefined) return { tenants, next: last.id }
        tenants.push(tenant)
      }
      return { tenants }
    },
    async domains(tenant): Promise<readonly TenantDomain[]> {
      return registry.domains(tenant).map((name, index) => ({ name, isPrimary: index === 0, isVerified: true }))
    },
    async begin(operation, change, audit, lease = 0) {
      const sameKey = operation.key === undefined ? undefined : kept(keys.get(operation.key) ?? '')
      if (sameKey !== undefined) {
        if (sameKey.operation.digest !== operation.digest) {
          throw new TenancyError('IDEMPOTENCY_CONFLICT', { operation: sameKey.operation.id })
        }
        const tenant = registry.find({ kind: 'id', value: sameKey.operation.tenant }) as Tenant | undefined
        return { operation: sameKey.operation, isNew: false, ...(tenant && { tenant }) }
      }
      const id = 'insert' in change ? change.insert.id : 'update' in change ? change.update : change.remove
      const other = [...operations.values()].find(each => each.operation.tenant === id && isOpen(each))
      if (other !== undefined) {
        const { id: underway, kind } = other.operation
        throw new TenancyError('OPERATION_UNDERWAY', { tenant: id, operation: underway, kind })
      }
      const tenant = write(change, 'insert' in change ? undefined : operation.kind)
      const begun: Operation = {
        ...operation,
        tenant: id,
        steps: [],
        ...(operation.state === 'done' && tenant ? { outcome: outcomeOf(tenant) } : {}),
      }
      operations.set(begun.id, { operation: begun, claim: 1, until: performance.now() + lease })
      if (operation.key !== undefined) keys.set(operation.key, begun.id)
      trail.push(audit)
      const claim: Claim | undefined =
        operation.state === 'running' && lease > 0 ? { operation: begun, number: 1 } : undefined
      return { operation: begun, isNew: true, ...(tenant && { tenant }), ...(claim && { claim }) }
    },
    async claim(id, lease) {
      const one = kept(id)
      if (one === undefined || !isOpen(one) || one.until > performance.now()) return undefined
      one.claim += 1
      one.until = performance.now() + lease
      return { operation: one.operation, number: one.claim }
    },
    async record({ operation: { id }, number }, lease, { step, state, outcome, write: change, audit }) {
      const one = kept(id)
      if (one === undefined || one.claim !== number || !isOpen(one)) {
        throw new TenancyError('OPERATION_TAKEN', { operation: id })
      }
      const tenant = change === undefined ? undefined : write(change)
      const now = registry.find({ kind: 'id', value: one.operation.tenant }) as Tenant | undefined
      const ended = state === 'done' && now !== undefined ? { outcome: outcomeOf(now) } : {}
      const steps: readonly JournalStep[] = step === undefined ? one.operation.steps : put(one.operation.steps, step)
      one.operation = {
        ...one.operation,
        steps,
        ...(state === undefined ? {} : { state }),
        ...(outcome === undefined ? ended : { outcome }),
      }
      one.until = performance.now() + lease
      if (audit !== undefined) trail.push(audit)
      return tenant
    },
    operation: async id => kept(id)?.operation,
    operationOf: async key => kept(keys.get(key) ?? '')?.operation,
    async unfinished(limit) {
      const now = performance.now()
      const free = [...operations.values()]
        .filter(each => isOpen(each) && each.until <= now)
        .sort((a, b) => a.until - b.until)
      return free.slice(0, limit).map(({ operation }) => operation.id)
    },
    async history(tenant, limit = 100) {
      const all = [...operations.values()].map(({ operation }) => operation)
      return all
        .filter(operation => operation.tenant === tenant)
        .reverse()
        .slice(0, limit)
    },
    async audit(entry) {
      trail.push(structuredClone(entry))
    },
  }
}

function put(steps: readonly JournalStep[], step: JournalStep): readonly JournalStep[] {
  const at = steps.findIndex(({ name }) => name === step.name)
  return at < 0 ? [...steps, step] : steps.with(at, step)
}
