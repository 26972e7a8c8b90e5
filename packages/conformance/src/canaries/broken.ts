import { executionAsyncResource } from 'node:async_hooks'
import { isTenancyError, type Tenant, type TenantSource } from '@tenantry/core'
import { type MemoryParts, safeParts } from '../memory/memory-parts.ts'
import { type Policy, safePolicy } from '../memory/policy.ts'
import type { Kept, Verb } from '../memory/statement.ts'
import type { Broken } from './canary.ts'

const writing: readonly Verb[] = ['update', 'upsert', 'returning']

/** "Nothing found, so look again without the filter": a tenant with rows of its own never notices. */
export function careless(verb: Verb): Broken {
  const using: Policy['using'] = (row, tenant, now, rows) =>
    safePolicy.using(row, tenant, now, rows) ||
    (now === verb && tenant !== undefined && !rows.some(other => other.tenant === tenant))
  return writing.includes(verb) ? { using, check: using } : { using }
}

/** What is written is not looked at. */
export function unchecked(verb: Verb): Broken {
  return { check: (row, tenant, now, rows) => now === verb || safePolicy.check(row, tenant, now, rows) }
}

/** Tenants whose ids are the same once they are made into names are the same. */
export function named(nameOf: (id: string) => string): Broken {
  const using: Policy['using'] = (row, tenant) => tenant !== undefined && nameOf(row.tenant) === nameOf(tenant)
  return { using }
}

/** A fallback for when the tenant cannot be known: the one that was seen last. */
export function forgiving(which: (error: unknown) => boolean): Broken {
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

/** There is no tenant, in this scope. */
export function missing(scope: 'none' | 'system'): (error: unknown) => boolean {
  return error => isTenancyError(error) && error.code === 'TENANT_CONTEXT_MISSING' && error.details.scope === scope
}

/** The tenant in a field of the adapter, where the next one overwrites it. */
export function shared(use: (latest: (otherwise: Tenant) => Tenant) => Broken): Broken {
  let latest: Tenant | undefined
  const ask = (source: TenantSource): Tenant => {
    latest = source()
    return latest
  }
  return { ask, ...use(otherwise => latest ?? otherwise) }
}

/** A unit of work that ends in this way is ended wrongly. */
export function ending(kind: keyof MemoryParts['endings'], end: MemoryParts['endings']['success']): Broken {
  return { endings: { ...safeParts.endings, [kind]: end } }
}

/** Postgres plans a prepared statement for good at its sixth execution; an immutable function is folded into that plan. */
export function frozenPlans(verb: Verb): Broken {
  const plans = new WeakMap<object, (string | undefined)[]>()
  return {
    tenantOf(tenant, now, session) {
      if (now !== verb) return tenant
      const executed = plans.get(session) ?? []
      plans.set(session, [...executed, tenant])
      return executed.length < 5 ? tenant : executed[4]
    },
  }
}

/** This kind of thing may stay in a session. */
export function lets(what: Kept): Broken {
  return {
    pass: statement => (statement.do === 'keep' && statement.what === what ? statement : safeParts.pass(statement)),
  }
}

/** Whether this is called by a timer itself, and not by what goes on after one. */
export function inTimer(): boolean {
  return executionAsyncResource().constructor.name === 'Timeout'
}
