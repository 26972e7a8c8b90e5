import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  type Claims,
  type Isolation,
  isTenancyError,
  type MemoryRegistry,
  type Tenancy,
  type Tenant,
  type TenantSource,
} from '@tenantry/core'
import type { Abilities, Ability } from './abilities.ts'
import type { Objects } from './objects.ts'
import type { Random } from './random.ts'
import type { Faults, Note, Notes, Row, Subject } from './subject.ts'
import { worldOf } from './world.ts'

/** The verbs as one tenant, each in its own run of the tenant's context. */
export interface Actor extends Required<Notes> {
  readonly tenant: Tenant
  run<T>(fn: () => T): T
  /** One unit of work: atomic when `transactions` is claimed, else the verbs one after another. */
  unit<T>(work: (notes: Notes) => Promise<T>): Promise<T>
}

/** What a law works with, new for each law: tenants that nobody else has, and eyes on what really happens. */
export interface Bench {
  readonly a: Actor
  readonly b: Actor
  /** One more tenant, provisioned. With an id it is a tenant that no registry vouches for: the isolation may not rely on one. */
  tenant(id?: string): Promise<Actor>
  /** One more tenant, known to the registry and not provisioned. */
  unprovisioned(): Tenant
  /** A note with an id that was never used. */
  note(text?: string): Note
  /** The verbs without entering any tenant. */
  readonly notes: Notes
  /** A unit of work without entering any tenant. */
  unit<T>(work: (notes: Notes) => Promise<T>): Promise<T>
  /** The verbs through a handle whose tenant is said by this source. */
  through(source: TenantSource): Notes
  /** What an administrator sees of a tenant, ordered by id. */
  audit(actor: Pick<Actor, 'tenant'>): Promise<readonly Note[]>
  /** Asserts that not one statement reaches the server while this runs, and that the server does count. */
  unsent(work: () => Promise<void>): Promise<void>
  /** Asserts that the store refuses a row of another tenant, and does not fail in another way. */
  refused(work: Promise<unknown>): Promise<void>
  unscoped(): Promise<readonly Note[]>
  residue(): Promise<readonly string[]>
  /** Causes a fault in a unit of work of this tenant, and gives the error that it ended with. */
  fault(kind: keyof Faults<unknown>, actor: Actor, note: Note): Promise<Error>
  /** The handle of whichever tenant is current, for abilities. */
  readonly handle: unknown
  /** An ability of the store. */
  can<K extends Ability>(ability: K): Abilities<unknown>[K]
  /** What looks at the objects of a tenant. */
  objects(): Objects
  /** Whether the store, or the isolation by a code, has refused with this error. */
  isRefusal(error: unknown): boolean
  /** The verbs and units through a handle of another isolation of the subject. */
  over(isolation: Isolation<unknown>): Pick<Bench, 'notes' | 'unit'>
  readonly claims: Claims
  readonly isolation: Isolation<unknown>
  readonly registry: MemoryRegistry
  readonly tenancy: Tenancy
  readonly random: Random
  /** Milliseconds that the law has. */
  readonly timeLimit: number
}

/** In the order of their ids, since a store may list in any. */
export function sorted<T extends Note>(notes: readonly T[]): readonly T[] {
  return [...notes].sort((one, other) => (one.id < other.id ? -1 : 1))
}

// A law that cannot be tried has not been kept: a missing member fails it, and never passes by returning early.
function needed<T>(member: T | undefined, name: string, claim: keyof Claims): T {
  assert.ok(member !== undefined, `The isolation claims ${claim}, so its subject must have ${name}.`)
  return member
}

/** Everything that one law needs, over a subject that laws share. */
export async function makeBench<Handle>(subject: Subject<Handle>, random: Random, timeLimit: number): Promise<Bench> {
  const { isolation, outside } = subject
  const { registry, tenancy } = worldOf(subject)
  const handle = tenancy.handle(isolation)

  function verbs(of: () => Notes): Required<Notes> {
    return {
      put: async note => of().put(note),
      get: async id => of().get(id),
      list: async () => of().list(),
      count: async () => of().count(),
      update: async note => of().update(note),
      remove: async id => of().remove(id),
      putAs: async (tenant, note) => needed(of().putAs, 'notes().putAs', 'sharedStore')(tenant, note),
      move: async (id, tenant) => needed(of().move, 'notes().move', 'sharedStore')(id, tenant),
    }
  }

  function over(other: Isolation<Handle>): { readonly notes: Required<Notes>; readonly unit: Bench['unit'] } {
    const use = tenancy.handle(other)
    const plain = verbs(() => subject.notes(use))
    return {
      notes: plain,
      async unit(work) {
        if (!isolation.claims.transactions) return work(plain)
        return needed(subject.unit, 'unit', 'transactions')(use, work)
      },
    }
  }

  const { notes, unit } = over(isolation)

  function unprovisioned(id?: string): Tenant {
    const slug = `t-${randomUUID()}`
    const own = randomUUID()
    const placement = subject.placement?.(id ?? own) ?? {}
    const known = registry.add({ id: own, slug, name: slug, placement })
    // An id that is asked for may be one that no registry takes.
    return id === undefined ? known : { ...known, id }
  }

  async function tenant(id?: string): Promise<Actor> {
    const made = unprovisioned(id)
    await isolation.provision(made)
    const run = <T>(fn: () => T): T => tenancy.run(made, fn)
    return {
      tenant: made,
      run,
      unit: async work => run(() => unit(work)),
      put: async note => run(() => notes.put(note)),
      get: async id => run(() => notes.get(id)),
      list: async () => run(() => notes.list()),
      count: async () => run(() => notes.count()),
      update: async note => run(() => notes.update(note)),
      remove: async id => run(() => notes.remove(id)),
      putAs: async (owner, note) => run(() => notes.putAs(owner, note)),
      move: async (id, owner) => run(() => notes.move(id, owner)),
    }
  }

  const a = await tenant()
  const b = await tenant()

  return {
    a,
    b,
    tenant,
    unprovisioned: () => unprovisioned(),
    note: (text = 'a note') => ({ id: randomUUID(), text }),
    notes,
    unit,
    through: source => verbs(() => subject.notes(isolation.handle(source))),
    async audit(actor) {
      const rows: readonly Row[] = await outside.everything()
      return sorted(rows.filter(row => row.tenant === actor.tenant.id)).map(({ id, text }) => ({ id, text }))
    },
    async unsent(work) {
      const before = await outside.statements()
      await work()
      const after = await outside.statements()
      assert.equal(after - before, 0, 'Statements reached the server.')
      await a.count()
      assert.ok((await outside.statements()) > after, 'outside.statements() does not count what handles send.')
    },
    async refused(work) {
      const outcome = await work.then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      assert.ok(outcome !== undefined, 'The store took a row of another tenant.')
      const is = needed(subject.refused, 'refused', 'sharedStore')(outcome.error)
      assert.ok(is, `Not a refusal of the store: ${String(outcome.error)}`)
    },
    unscoped: async () => needed(outside.unscoped, 'outside.unscoped', 'enforced')(),
    residue: async () => needed(outside.residue, 'outside.residue', 'pooled')(),
    async fault(kind, actor, note) {
      const cause = needed(subject.faults?.[kind], `faults.${kind}`, 'pooled')
      const error: unknown = await actor.run(() => cause(handle, note))
      assert.ok(error instanceof Error, `faults.${kind} must resolve to the error that the unit of work ended with.`)
      return error
    },
    handle,
    can<K extends Ability>(ability: K) {
      const can = subject.more?.[ability]
      assert.ok(typeof can === 'function', `The manifest of the subject must have ${ability}, or say why it cannot.`)
      return can as Abilities<unknown>[K]
    },
    objects: () => needed(subject.objects, 'objects', 'objects'),
    isRefusal: error => isTenancyError(error) || subject.refused?.(error) === true,
    over: other => over(other as Isolation<Handle>),
    claims: isolation.claims,
    isolation,
    registry,
    tenancy,
    random,
    timeLimit,
  }
}
