import { isTenancyError, TenancyError } from '../errors.ts'
import type { Json } from '../json.ts'
import { consoleLogger } from '../logger.ts'
import type { Tenant } from '../tenant.ts'
import { type CheckedTenantInput, checkTenantInput } from '../tenant-input.ts'
import { uuidv7 } from '../uuidv7.ts'
import { checkWholeNumbers } from '../whole-numbers.ts'
import { type ChangeAccess, checkAccess, type LifecycleAccess } from './access.ts'
import { jsonDigest } from './canonical-json.ts'
import { type DestroyPreview, destroyReport } from './destroy-report.ts'
import { ensureTenant } from './ensure.ts'
import { giveWay } from './give-way.ts'
import type { Lifecycle, LifecycleOptions, NewTenant } from './lifecycle.ts'
import { readOutcome } from './outcome.ts'
import { performer } from './perform.ts'
import { isMaking, type PlanParts } from './plan.ts'
import { reconcileAll } from './reconcile.ts'
import type { Operation, TenantWrite } from './tenant-store.ts'
import { assertTransition, type OperationKind, type Transition, transitions } from './transitions.ts'
import { watch } from './watch.ts'

/**
 * The life-cycle service over a store and whatever takes part.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`
 * @example
 * const lifecycle = createLifecycle({ store: registry, participants: [isolation], announce: cache.announce })
 */
export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { store, participants = [], hooks = [], logger = consoleLogger } = options
  const { drain = 5_000, settle = 0, lease = 10_000, patience = 60_000, allowRestore = false } = options
  checkWholeNumbers({ drain, settle, patience }, 0)
  checkWholeNumbers({ lease }, 100)
  checkNames([...participants, ...hooks].map(({ name }) => name))
  const parts: PlanParts = { participants, hooks, drain, settle, patience }
  const { planned, perform } = performer({ store, parts, lease, patience, announce: options.announce, logger })

  async function ask(
    kind: OperationKind,
    access: ChangeAccess,
    tenant?: Tenant,
    input?: CheckedTenantInput,
    activates = false,
  ): Promise<void> {
    const { actor, reason } = access
    const intention = {
      actor,
      ...(reason === undefined ? {} : { reason }),
      ...(tenant && { tenant }),
      ...(input && { input }),
    }
    for (const each of activates && isMaking(kind) ? ([kind, 'activate'] as const) : [kind]) {
      for (const hook of hooks) {
        if (hook.on.includes(each)) await hook.before?.({ kind: each, ...intention })
      }
    }
  }

  /** The operation that has the key already, if any. */
  async function known(access: ChangeAccess, digest: string): Promise<Operation | undefined> {
    if (access.key === undefined) return undefined
    const operation = await store.operationOf(access.key)
    if (operation !== undefined && operation.digest !== digest) {
      throw new TenancyError('IDEMPOTENCY_CONFLICT', { operation: operation.id })
    }
    return operation
  }

  async function start(
    kind: OperationKind,
    { actor, reason, key }: ChangeAccess,
    digest: string,
    parameters: Operation['parameters'],
    write: TenantWrite,
    details: { readonly [name: string]: Json } = {},
  ): Promise<Operation> {
    const id = uuidv7()
    const said = { actor, ...(reason === undefined ? {} : { reason }) }
    const { isBare: isNothing, steps } = planned({ kind, parameters })
    const isBare = kind !== 'create' && kind !== 'destroy' && isNothing
    // Whoever goes on with it must have all of them.
    const named = steps.length === 0 ? parameters : { ...parameters, steps: steps.map(({ name }) => name) }
    const operation = {
      ...{ id, kind, ...said, ...(key === undefined ? {} : { key }), digest, parameters: named },
      state: isBare ? ('done' as const) : ('running' as const),
    }
    const audit = { action: `tenant.${kind}`, ...said, details: { operation: id, ...details } }
    const tenant = 'insert' in write ? write.insert.id : 'update' in write ? write.update : write.remove
    const begin = () => store.begin(operation, write, { ...audit, tenant }, lease)
    const begun = await begin().catch(async (error: unknown) => {
      const closes = kind === 'suspend' || kind === 'archive'
      if (!closes || !isTenancyError(error) || error.code !== 'OPERATION_UNDERWAY') throw error
      if (!(await giveWay(error.details.operation, { store, planned, lease, logger }))) throw error
      return begin()
    })
    return perform(begun)
  }

  async function change(
    kind: OperationKind,
    id: string,
    given: ChangeAccess,
    set: Partial<Pick<CheckedTenantInput, 'slug' | 'name' | 'domains' | 'settings'>> = {},
  ): Promise<Operation> {
    const access = checkAccess(given)
    const digest = jsonDigest({ kind, tenant: id, set: JSON.parse(JSON.stringify(set)) as Json })
    const before = await known(access, digest)
    if (before !== undefined) return perform({ operation: before, isNew: false })
    const tenant = await find(id)
    if (kind === 'restore' && !allowRestore) {
      throw new TenancyError('TRANSITION_REFUSED', { tenant: id, operation: kind, rule: 'archived is for ever' })
    }
    // The store checks it again, in the transaction; hooks are not asked about what cannot be.
    assertTransition(kind, tenant)
    const transition: Transition = transitions[kind]
    const parameters = await parametersOf(kind, tenant)
    const activates = transition.to === 'active' && parameters.activate !== false
    await ask(kind, access, tenant, undefined, activates)
    const { isBare } = planned({ kind, parameters })
    const to = isBare && kind !== 'destroy' && parameters.activate !== false ? transition.to : transition.during
    const status = to === 'same' || to === 'gone' || to === tenant.status ? {} : { status: to }
    const write = {
      update: id,
      set: { ...set, ...status },
      ...(access.expected === undefined ? {} : { expected: access.expected }),
    }
    return start(kind, access, digest, parameters, write, detailsOf(set))
  }

  async function parametersOf(kind: OperationKind, tenant: Tenant): Promise<Operation['parameters']> {
    if (kind === 'destroy') return { tenant: JSON.parse(JSON.stringify(tenant)) as Json }
    if (kind !== 'retry') return {}
    // What was not to be served when it was made is not served because it is made again.
    const making = (await store.history(tenant.id, 1_000)).find(each => isMaking(each.kind))
    return { activate: making?.parameters.activate === true }
  }

  async function find(id: string): Promise<Tenant> {
    const tenant = await store.find({ kind: 'id', value: id })
    if (tenant === undefined) throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${id}` })
    return tenant
  }

  const changed = async (...args: Parameters<typeof change>): Promise<Tenant> => readOutcome(await change(...args))

  async function create(input: NewTenant, given: LifecycleAccess): Promise<Tenant> {
    const access = checkAccess(given)
    const { activate = true, ...fields } = input
    const { status: _, ...checked } = checkTenantInput(fields)
    if (typeof activate !== 'boolean')
      throw new TenancyError('INPUT_INVALID', { field: 'activate', rule: 'must be true or false' })
    const digest = jsonDigest({ kind: 'create', activate, input: JSON.parse(JSON.stringify(checked)) as Json })
    const before = await known(access, digest)
    if (before !== undefined) return readOutcome(await perform({ operation: before, isNew: false }))
    const id = checked.id ?? uuidv7()
    const tenant = { ...checked, id, status: 'provisioning' as const }
    await ask('create', access, undefined, tenant, activate)
    return readOutcome(await start('create', access, digest, { activate }, { insert: tenant }, detailsOf(checked)))
  }

  const retry: Lifecycle['retry'] = (id, access) => changed('retry', id, access)

  return {
    create,
    ensure: (input, access) => ensureTenant(input, access, { store, create, retry, perform }),
    activate: (id, access) => changed('activate', id, access),
    suspend: (id, access) => changed('suspend', id, access),
    resume: (id, access) => changed('resume', id, access),
    archive: (id, access) => changed('archive', id, access),
    restore: (id, access) => changed('restore', id, access),
    retry,
    async rename(id, names, access) {
      const { slug, name } = names
      if (slug === undefined && name === undefined) {
        throw new TenancyError('INPUT_INVALID', { field: 'names', rule: 'must have a slug or a name' })
      }
      const checked = checkTenantInput({ slug: slug ?? 'a', name: name ?? 'a' })
      return changed('rename', id, access, {
        ...(slug === undefined ? {} : { slug: checked.slug }),
        ...(name === undefined ? {} : { name: checked.name }),
      })
    },
    async setDomains(id, domains, access) {
      const checked = checkTenantInput({ slug: 'a', name: 'a', domains: [...domains] })
      return changed('setDomains', id, access, { domains: checked.domains })
    },
    async setSettings(id, settings, access) {
      const checked = checkTenantInput({ slug: 'a', name: 'a', settings })
      return changed('setSettings', id, access, { settings: checked.settings })
    },
    async preview(id) {
      const tenant = await find(id)
      const counted: DestroyPreview['participants'][number][] = []
      for (const each of participants) {
        const holdings = await each.inventory?.(tenant)
        if (holdings !== undefined) counted.push({ participant: each.name, holdings })
      }
      const uncounted = participants.filter(({ inventory }) => inventory === undefined).map(({ name }) => name)
      return { tenant: id, slug: tenant.slug, participants: counted, uncounted }
    },
    async destroy(id, { confirm, ...access }) {
      const tenant = await store.find({ kind: 'id', value: id })
      if (tenant !== undefined && confirm !== tenant.slug) {
        throw new TenancyError('CONFIRMATION_REQUIRED', { tenant: id, expected: tenant.slug })
      }
      // Confirmed is the tenant that has this slug: one that is changed until it begins is another.
      const expected = access.expected ?? tenant?.version
      return destroyReport(await change('destroy', id, { ...access, ...(expected === undefined ? {} : { expected }) }))
    },
    reconcile: reconcileOptions => reconcileAll({ store, perform, logger }, reconcileOptions),
    watch(every = 30_000) {
      checkWholeNumbers({ every })
      return watch(signal => reconcileAll({ store, perform, logger }, { signal }), every, logger)
    },
    history: (id, limit) => store.history(id, limit),
  }
}

function checkNames(names: readonly string[]): void {
  for (const [index, name] of names.entries()) {
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(name) || name === 'status' || name === 'settle') {
      throw new TenancyError('ARGUMENT_INVALID', {
        field: 'name',
        rule: 'must be 1–63 of a–z, 0–9 and "-", and not "status" or "settle"',
      })
    }
    if (names.indexOf(name) !== index) {
      throw new TenancyError('ARGUMENT_INVALID', { field: 'name', rule: `must be no other's: ${name}` })
    }
  }
}

/** What the audit keeps of a change: names, never settings, which are the application's own. */
function detailsOf({ slug, name, domains }: Partial<CheckedTenantInput>): { readonly [name: string]: Json } {
  return {
    ...(slug === undefined ? {} : { slug }),
    ...(name === undefined ? {} : { name }),
    ...(domains === undefined ? {} : { domains }),
  }
}
