import { Readable } from 'node:stream'
import type { Tenant } from '@tenantry/core'
import type { AggregationCursor, FindCursor } from 'mongodb'
import { checkFilter } from '../fence/check-documents.ts'
import { checkPipeline } from '../fence/check-pipeline.ts'
import { checkOptions } from '../fence/operation-options.ts'
import { refuse } from '../fence/refuse.ts'
import { facade } from './facade.ts'
import { inThisContext, keptOpen } from './kept-open.ts'
import { type Held, inDatabase, type Scope, sameTenant } from './scope.ts'

/** A driver's cursor of either kind. */
type Real = FindCursor | AggregationCursor

/** A step of building a cursor, done again when it is opened. */
type Step = (real: Real) => void

/** What a cursor is made of. */
export interface CursorPlan {
  readonly kind: 'find' | 'aggregate'
  readonly scope: Scope
  readonly tenant: Tenant
  readonly open: (held: Held) => Real
  readonly steps?: readonly Step[]
}

/** The server's own limit: cursors that nobody asks for ten minutes are closed. */
const idle = 600_000

const asOption = [
  'hint',
  'min',
  'max',
  'returnKey',
  'showRecordId',
  'comment',
  'maxTimeMS',
  'maxAwaitTimeMS',
  'batchSize',
]
const ofFind = [...asOption, 'limit', 'skip', 'collation', 'allowDiskUse']
const ofAggregate = ['comment', 'maxTimeMS', 'maxAwaitTimeMS', 'batchSize']
const stageNames = [
  'group',
  'limit',
  'match',
  'out',
  'project',
  'lookup',
  'redact',
  'skip',
  'sort',
  'unwind',
  'geoNear',
]
const flags = new Set(['tailable', 'noCursorTimeout', 'awaitData', 'partial'])

const advice = {
  client: 'Use the handle of the tenant.',
  session: 'Use the handle that transaction(fn) gives to fn.',
  addQueryModifier: 'Use the method of the modifier’s name.',
  count: 'Use countDocuments of the collection.',
}

/** A cursor that reads one tenant's documents, and refuses to work for another. No I/O until it is read. */
export function tenantCursor<T extends Real>({ kind, scope, tenant, open, steps: given = [] }: CursorPlan): T {
  const { rules, ways } = scope
  const steps: Step[] = [...given]

  function make(held: Held): Real {
    const real = open(held)
    for (const step of steps) step(real)
    return real
  }

  const kept = keptOpen<Real>({
    what: 'A cursor',
    scope,
    tenant,
    open: make,
    shut: real => real.close(),
    isDone: real => real.closed || real.id?.isZero() === true,
    idle,
  })

  function step(work: Step): T {
    // The driver refuses a step on a cursor that was read from.
    const real = kept.peek()
    if (real !== undefined) work(real)
    steps.push(work)
    return self
  }

  function build(name: string, value: unknown): T {
    const checked = value === undefined ? undefined : checkOptions({ [name]: value }, 'find', rules, ways)[name]
    return step(real => call(real, name, checked))
  }

  async function* iterate(): AsyncGenerator<unknown, void, void> {
    // Whoever may not read it does not close it either.
    sameTenant(scope, tenant)
    try {
      while (!kept.isClosed) {
        const next = await kept.use(real => (real.closed ? Promise.resolve(null) : real.next()))
        if (next === null) return
        yield next
      }
    } finally {
      await kept.close()
    }
  }

  const members: Record<string | symbol, unknown> = {
    next: () => kept.use(real => real.next()),
    tryNext: () => kept.use(real => real.tryNext()),
    hasNext: () => kept.use(real => real.hasNext()),
    toArray: () => kept.use(real => real.toArray()),
    async forEach(visit: (document: unknown) => unknown) {
      for await (const document of iterate()) if (visit(document) === false) break
    },
    stream() {
      const source = iterate()
      const pull = { next: inThisContext(() => source.next()), return: inThisContext(() => source.return()) }
      return Readable.from(
        { [Symbol.asyncIterator]: () => ({ ...pull, [Symbol.asyncIterator]: () => pull }) },
        { objectMode: true },
      )
    },
    [Symbol.asyncIterator]: iterate,
    [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]: () => kept.close(),
    close: () => kept.close(),
    rewind: () => void kept.rewind(),
    clone: () => tenantCursor<T>({ kind, scope, tenant: sameTenant(scope, tenant), open, steps }),
    async explain(verbosity?: unknown) {
      if (verbosity !== undefined && typeof verbosity !== 'string')
        refuse('explain with an object', 'nobody knows what is in it', 'Give the verbosity as text.')
      return inDatabase(scope, sameTenant(scope, tenant), held => make(held).explain(verbosity ?? 'queryPlanner'))
    },
    bufferedCount: () => kept.peek()?.bufferedCount() ?? 0,
    readBufferedDocuments: (number?: number) => kept.peek()?.readBufferedDocuments(number) ?? [],
    map: (transform: (document: unknown) => unknown) => step(real => void real.map(transform)),
    addCursorFlag(flag: string, value: boolean) {
      if (!flags.has(flag)) refuse(`The cursor flag "${flag}"`, 'it is not one that is known here', 'Leave it out.')
      return step(real => void real.addCursorFlag(flag as 'tailable', value))
    },
    withReadPreference: (value: unknown) => {
      const { readPreference } = checkOptions({ readPreference: value }, 'find', rules)
      return step(real => call(real, 'withReadPreference', readPreference))
    },
    withReadConcern: (value: unknown) => {
      const { readConcern } = checkOptions({ readConcern: value }, 'find', rules)
      return step(real => call(real, 'withReadConcern', readConcern))
    },
    get closed() {
      return kept.isClosed || kept.peek()?.closed === true
    },
    get killed() {
      return kept.peek()?.killed === true
    },
    get id() {
      return kept.peek()?.id
    },
  }

  function building(): Record<string, unknown> {
    if (kind === 'aggregate') {
      const stage = (given: unknown): T => {
        const [checked] = checkPipeline([given], 'aggregate', rules, ways)
        return step(real => call(real, 'addStage', checked))
      }
      return {
        ...Object.fromEntries(ofAggregate.map(name => [name, (value: unknown) => build(name, value)])),
        ...Object.fromEntries(stageNames.map(name => [name, (spec: unknown) => stage({ [`$${name}`]: spec })])),
        addStage: stage,
      }
    }
    return {
      ...Object.fromEntries(ofFind.map(name => [name, (value: unknown) => build(name, value)])),
      project: (value: unknown) => {
        const { projection } = checkOptions({ projection: value }, 'find', rules, ways)
        return step(real => call(real, 'project', projection))
      },
      sort: (value: unknown, direction?: unknown) => {
        const { sort } = checkOptions({ sort: value }, 'find', rules)
        const way = typeof direction === 'object' ? undefined : direction
        return step(real => call(real, 'sort', sort, way))
      },
      filter: (value: unknown) => {
        const filter = checkFilter(value, rules, ways)
        return step(real => call(real, 'filter', filter ?? {}))
      },
    }
  }

  const own = Object.defineProperties({ ...building() }, Object.getOwnPropertyDescriptors(members))
  const self: T = facade<T>(kind === 'find' ? 'FindCursor' : 'AggregationCursor', own, advice)
  return self
}

function call(real: Real, method: string, ...args: readonly unknown[]): void {
  const methods = real as unknown as Record<string, (...args: readonly unknown[]) => unknown>
  methods[method]?.(...args)
}
