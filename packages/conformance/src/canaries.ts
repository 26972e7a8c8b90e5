import { createTenancy, isTenancyError, type Tenancy, type Tenant, type TenantSource } from '@tenantry/core'
import type { MemoryHandle } from './memory/memory-isolation.ts'
import { type MemoryParts, safeParts } from './memory/memory-parts.ts'
import { memorySubject } from './memory/memory-subject.ts'
import { type Policy, safePolicy } from './memory/policy.ts'
import type { Verb } from './memory/statement.ts'
import type { Subject } from './subject.ts'

/** An adapter that is broken on purpose in one way, and the law that must catch it. */
export interface Canary {
  /** The name of the law that this breaks. */
  readonly law: string
  /** What is wrong with the adapter, as a sentence. */
  readonly breaks: string
  /** Laws that cannot but break with it. */
  readonly alsoBreaks: readonly string[]
  subject(): Promise<Subject<MemoryHandle>>
}

type Broken = Partial<Policy & MemoryParts>

function canary(law: string, breaks: string, broken: () => Broken, alsoBreaks: readonly string[] = []): Canary {
  return { law, breaks, alsoBreaks, subject: () => memorySubject(broken()) }
}

function brokenTenancy(law: string, breaks: string, wrap: (tenancy: Tenancy) => Partial<Tenancy>): Canary {
  const tenancy: Subject<MemoryHandle>['tenancy'] = options => {
    const whole = createTenancy(options)
    return { ...whole, ...wrap(whole) }
  }
  return { law, breaks, alsoBreaks: [], subject: async () => ({ ...(await memorySubject()), tenancy }) }
}

// "Nothing found, so look again without the filter": a tenant with rows of its own never notices.
function careless(verb: Verb): Broken {
  const using: Policy['using'] = (row, tenant, now, rows) =>
    safePolicy.using(row, tenant, now, rows) ||
    (now === verb && tenant !== undefined && !rows.some(other => other.tenant === tenant))
  return verb === 'update' ? { using, check: using } : { using }
}

function unchecked(verb: Verb): Broken {
  return { check: (row, tenant, now, rows) => now === verb || safePolicy.check(row, tenant, now, rows) }
}

// A fallback for when the tenant cannot be known: the one that was seen last.
function forgiving(which: (error: unknown) => boolean): Broken {
  let last: Tenant | undefined
  return {
    ask(source) {
      try {
        last = source()
        return last
      } catch (error) {
        if (last !== undefined && which(error)) return last
        throw error
      }
    },
  }
}

function missing(scope: 'none' | 'system'): (error: unknown) => boolean {
  return error => isTenancyError(error) && error.code === 'TENANT_CONTEXT_MISSING' && error.details.scope === scope
}

// The tenant in a field of the adapter, where the next one overwrites it.
function shared(use: (latest: (otherwise: Tenant) => Tenant) => Broken): Broken {
  let latest: Tenant | undefined
  const ask = (source: TenantSource): Tenant => {
    latest = source()
    return latest
  }
  return { ask, ...use(otherwise => latest ?? otherwise) }
}

function ending(kind: keyof MemoryParts['endings'], end: MemoryParts['endings']['success']): Broken {
  return { endings: { ...safeParts.endings, [kind]: end } }
}

// Postgres plans a prepared statement for good at its sixth execution; an immutable function is folded into that plan.
function frozenPlans(): Broken {
  const plans = new WeakMap<object, (string | undefined)[]>()
  return {
    tenantOf(tenant, verb, session) {
      if (verb !== 'insert') return tenant
      const executed = plans.get(session) ?? []
      plans.set(session, [...executed, tenant])
      return executed.length < 5 ? tenant : executed[4]
    },
  }
}

/** For every law, an adapter that breaks it; the tests of this package hold that each is caught. */
export const canaries: readonly Canary[] = [
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
  canary('the same id in two tenants is two notes', 'The unique key is without the tenant.', () => ({
    key: row => row.id,
  })),
  canary(
    'a handle follows its tenant: A, B, A',
    'The tenant is folded into the plan of a prepared statement.',
    frozenPlans,
    ['interleaved units of work never meet', 'interleaved single statements never meet'],
  ),

  canary('without a tenant nothing is sent', 'Without a tenant, the last one is taken.', () =>
    forgiving(missing('none')),
  ),
  canary('in the system scope nothing is sent', 'In the system scope, the last tenant is taken.', () =>
    forgiving(missing('system')),
  ),
  brokenTenancy('a suspended tenant is refused on entry', 'The status is not checked on entry.', ({ run }) => ({
    run: (tenant, fn) => run({ ...tenant, status: 'active' }, fn),
  })),
  canary(
    'what the tenant source throws is what the caller gets',
    'When the source fails, the last tenant is taken.',
    () => forgiving(error => !isTenancyError(error)),
  ),
  brokenTenancy(
    'another tenant is not entered inside a unit of work',
    'Any tenant may be entered anywhere.',
    inner => ({
      run: (tenant, fn) =>
        inner.maybeCurrent() === undefined
          ? inner.run(tenant, fn)
          : inner.runAsSystem({ actor: 'canary', reason: 'switch' }, () => inner.run(tenant, fn)),
    }),
  ),
  canary('a unit of work serves no other tenant', 'A connection does not ask whose context it is used in.', () => ({
    recheck() {
      // Trusts the caller.
    },
  })),
  canary('a unit of work is dead after its end', 'A connection still works after it was given back.', () => ({
    revoke() {
      // Trusts the caller.
    },
  })),

  canary('a connection without a tenant sees nothing', 'Without a tenant, the policy lets everything through.', () => ({
    using: (row, tenant, verb, rows) => tenant === undefined || safePolicy.using(row, tenant, verb, rows),
  })),
  canary('a unit of work that throws leaves nothing', 'A unit of work that throws is committed.', () =>
    ending('throw', safeParts.endings.success),
  ),

  canary('nothing stays on a connection after success', 'The tenant is set for the session, and stays set.', () =>
    ending('success', async lease => {
      await lease.connection.send({ do: 'set', tenant: lease.tenant.id, until: 'session' })
      await safeParts.endings.success(lease)
    }),
  ),
  canary('nothing stays on a connection after a throw', 'After a throw the transaction stays open.', () =>
    ending('throw', async ({ pool, connection }) => pool.release(connection)),
  ),
  canary('nothing stays on a connection after a timeout', 'After a timeout the connection is used again.', () =>
    ending('timeout', async ({ pool, connection }) => pool.release(connection)),
  ),
  canary('nothing stays on a connection after a disconnect', 'A new connection gets the lost session back.', () =>
    ending('disconnect', async ({ pool, server, tenant }) => {
      const again = server.connect()
      await again.send({ do: 'set', tenant: tenant.id, until: 'session' })
      pool.release(again)
    }),
  ),

  canary('interleaved units of work never meet', 'Units of work share the field that holds the tenant.', () =>
    shared(latest => ({ ofUnit: latest })),
  ),
  canary('interleaved single statements never meet', 'Statements share the field that holds the tenant.', () =>
    shared(latest => ({ ofStatement: latest })),
  ),

  canary('provisioning twice is once', 'Provisioning starts from nothing.', () => ({
    provision: (server, { id }) => void server.erase(row => row.tenant === id),
  })),
  canary('deprovisioning erases one tenant and no other', 'Deprovisioning empties the table.', () => ({
    deprovision: server => [{ kind: 'rows', name: 'notes', count: server.erase(() => true) }],
  })),
  canary('deprovisioning twice is once', 'Deprovisioning says again that it erased a tenant.', () => ({
    deprovision: (server, tenant) => [
      ...safeParts.deprovision(server, tenant),
      { kind: 'tenant', name: tenant.id, count: 1 },
    ],
  })),
  canary('deprovisioning counts what it erased', 'Deprovisioning says nothing of what it erased.', () => ({
    deprovision: (server, tenant) => safeParts.deprovision(server, tenant).slice(1),
  })),
]
