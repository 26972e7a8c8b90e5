import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Claim,
  checkTenantInput,
  createLifecycle,
  isTenancyError,
  type Lifecycle,
  memoryTenantStore,
  type OperationKind,
  type Tenant,
  type TenantStatus,
  type TenantStore,
  type Transition,
  transitions,
} from '../src/index.ts'
import { dyingStore, Killed, type Recorder, recorder } from './lifecycle-support.ts'
import { recorder as log } from './support.ts'

const by = { actor: 'ops' }
const lease = 100

function process(store: TenantStore, participants: readonly Recorder[]): Lifecycle {
  return createLifecycle({ store, participants, lease, logger: log() })
}

/** How each operation is begun, from what is there before it. */
const scenes: Record<
  string,
  {
    readonly before: (lifecycle: Lifecycle) => Promise<unknown>
    readonly work: (lifecycle: Lifecycle) => Promise<unknown>
  }
> = {
  create: { before: async () => undefined, work: lifecycle => lifecycle.create(acme, by) },
  suspend: { before: lifecycle => lifecycle.create(acme, by), work: lifecycle => lifecycle.suspend('a', by) },
  resume: {
    before: async lifecycle => {
      await lifecycle.create(acme, by)
      await lifecycle.suspend('a', by)
    },
    work: lifecycle => lifecycle.resume('a', by),
  },
  archive: { before: lifecycle => lifecycle.create(acme, by), work: lifecycle => lifecycle.archive('a', by) },
  destroy: {
    before: async lifecycle => {
      await lifecycle.create(acme, by)
      await lifecycle.archive('a', by)
    },
    work: lifecycle => lifecycle.destroy('a', { ...by, confirm: 'acme' }),
  },
}
const acme = { id: 'a', slug: 'acme', name: 'Acme' }
const ends: Record<string, TenantStatus | undefined> = {
  create: 'active',
  suspend: 'suspended',
  resume: 'active',
  archive: 'archived',
  destroy: undefined,
}

describe('a process that dies', () => {
  it.each(Object.keys(scenes).flatMap(kind => (['before', 'behind'] as const).map(way => [kind, way] as const)))(
    'L2 in "%s", %s any write to the journal: two rivals bring it to its end',
    async (kind, way) => {
      const scene = scenes[kind] as (typeof scenes)[string]
      let deaths = 0
      for (let nth = 1; ; nth++) {
        const store = memoryTenantStore()
        const participants = [recorder('first'), recorder('second')]
        await scene.before(process(store, participants))
        const calls = participants.map(each => each.calls.length)
        const died = await scene.work(process(dyingStore(store, nth, way), participants)).then(
          () => false,
          (error: unknown) => {
            if (error instanceof Killed) return true
            throw error
          },
        )
        if (!died) break
        deaths += 1
        const rivals = [process(store, participants), process(store, participants)]
        // Nobody may take it over before the lease is over.
        while ((await store.history('a')).some(({ state }) => state === 'running')) {
          await Promise.all(rivals.map(rival => rival.reconcile()))
          await new Promise(resolve => setTimeout(resolve, 10))
        }
        const tenant = (await store.find({ kind: 'id', value: 'a' })) as Tenant | undefined
        const wasBegun = nth > 1 || way === 'behind'
        if (!wasBegun) {
          expect(participants.map(each => each.calls.length)).toEqual(calls)
          continue
        }
        expect(tenant?.status).toBe(ends[kind])
        const thing = kind === 'destroy' ? undefined : ends[kind] === 'active' ? 'open' : 'fenced'
        for (const [index, participant] of participants.entries()) {
          expect(participant.things.get('a')).toBe(thing)
          // Once, and once more where the word of it was lost; never by both rivals.
          const times = participant.calls.length - (calls[index] ?? 0)
          expect(times).toBeGreaterThanOrEqual(1)
          expect(times).toBeLessThanOrEqual(2)
        }
      }
      expect(deaths).toBeGreaterThanOrEqual(5)
    },
    60_000,
  )

  it('L2 what was left is taken up by whoever watches, also when the store was away meanwhile', async () => {
    const store = memoryTenantStore()
    const first = recorder('first')
    await expect(process(dyingStore(store, 3, 'before'), [first]).create(acme, by)).rejects.toThrow(Killed)
    let asked = 0
    const shaky: TenantStore = {
      ...store,
      unfinished: async limit => {
        asked += 1
        if (asked === 1) throw new Error('away')
        return store.unfinished(limit)
      },
    }
    const stop = process(shaky, [first]).watch(20)
    await expect.poll(async () => ((await store.find({ kind: 'id', value: 'a' })) as Tenant).status).toBe('active')
    await stop()
    const before = asked
    await new Promise(resolve => setTimeout(resolve, 60))
    expect(asked).toBe(before)
  })

  it('L2 a process that stalls loses its claim, writes nothing more, and tells what the other made of it', async () => {
    const store = memoryTenantStore()
    const slow = recorder('slow')
    let wake: () => void = () => undefined
    const asleep = new Promise<void>(resolve => {
      wake = resolve
    })
    const provision = slow.provision
    let calls = 0
    slow.provision = async (tenant, step) => {
      calls += 1
      if (calls === 1) await asleep
      await provision?.(tenant, step)
    }
    // Without signs of life, as of a process that was stopped.
    const mute: TenantStore = {
      ...store,
      record: (claim, ms, progress) =>
        Object.keys(progress).length === 0 ? Promise.reject(new Error('stopped')) : store.record(claim, ms, progress),
    }
    const refused: unknown[] = []
    const record = mute.record
    const stalled = process(
      {
        ...mute,
        record: (...args) =>
          record(...args).catch((error: unknown) => {
            if (isTenancyError(error)) refused.push(error.code)
            throw error
          }),
      },
      [slow],
    ).create(acme, by)
    await new Promise(resolve => setTimeout(resolve, 2 * lease))
    expect(await process(store, [slow]).reconcile()).toMatchObject({ done: [expect.any(String)] })
    wake()
    expect(await stalled).toMatchObject({ status: 'active', version: 2 })
    expect(refused).toEqual(['OPERATION_TAKEN'])
    expect(await store.find({ kind: 'id', value: 'a' })).toMatchObject({ status: 'active', version: 2 })
  })
})

it('L2 L9 a claim that was taken over writes nothing, and one that lives is not taken', async () => {
  const store = memoryTenantStore()
  const audit = { action: 'tenant.create', actor: 'ops', tenant: 'a' }
  const insert = { ...checkTenantInput({ slug: 'a', name: 'A', status: 'provisioning' }), id: 'a' }
  const operation = { id: 'o', kind: 'create', actor: 'ops', digest: '', parameters: {}, state: 'running' } as const
  const { claim } = await store.begin(operation, { insert }, audit, 40)
  expect(await store.claim('o', lease)).toBeUndefined()
  await expect.poll(() => store.claim('o', 60_000)).toMatchObject({ number: 2 })
  const late = store.record(claim as Claim, lease, { write: { update: 'a', set: { status: 'active' } } })
  await expect(late).rejects.toMatchObject({ code: 'OPERATION_TAKEN' })
  expect(await store.find({ kind: 'id', value: 'a' })).toMatchObject({ status: 'provisioning' })
})

describe('any operations in any order', () => {
  const kinds = [
    'create',
    'activate',
    'suspend',
    'resume',
    'archive',
    'restore',
    'retry',
    'destroy',
    'rename',
    'setSettings',
  ] as const
  type Kind = (typeof kinds)[number]

  async function attempt(lifecycle: Lifecycle, kind: Kind, id: string, fails: boolean, first: Recorder): Promise<void> {
    if (fails) first.broken.add('provision')
    try {
      if (kind === 'create') await lifecycle.create({ id, slug: `slug-${id}`, name: id, activate: id !== 'b' }, by)
      else if (kind === 'destroy') await lifecycle.destroy(id, { ...by, confirm: `slug-${id}` })
      else if (kind === 'rename') await lifecycle.rename(id, { name: 'x' }, by)
      else if (kind === 'setSettings') await lifecycle.setSettings(id, { x: 1 }, by)
      else await lifecycle[kind](id, by)
    } finally {
      first.broken.delete('provision')
    }
  }

  it('P14 L12 the tenant is where the table leads, and no thing is orphaned', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ kind: fc.constantFrom(...kinds), id: fc.constantFrom('a', 'b'), fails: fc.boolean() }), {
          maxLength: 14,
        }),
        async moves => {
          const store = memoryTenantStore()
          const first = recorder('first')
          const lifecycle = createLifecycle({ store, participants: [first], allowRestore: true, logger: log() })
          const model = new Map<string, TenantStatus | 'gone'>()
          for (const { kind, id, fails } of moves) {
            const before = model.get(id)
            const transition: Transition = transitions[kind as OperationKind]
            const isAllowed =
              kind === 'create'
                ? before === undefined
                : before !== undefined && before !== 'gone' && transition.from.includes(before)
            const breaks = fails && (kind === 'create' || kind === 'retry')
            const error: unknown = await attempt(lifecycle, kind, id, fails, first).then(
              () => undefined,
              (caught: unknown) => caught,
            )
            if (!isAllowed) {
              const code =
                kind === 'create'
                  ? 'TENANT_EXISTS'
                  : before === undefined || before === 'gone'
                    ? 'TENANT_NOT_FOUND'
                    : 'TRANSITION_REFUSED'
              expect(isTenancyError(error) && error.code).toBe(code)
              continue
            }
            expect(isTenancyError(error) ? error.code : error).toBe(breaks ? 'OPERATION_FAILED' : undefined)
            const ended = breaks ? transition.failed : transition.to
            const stays = id === 'b' && (kind === 'create' || kind === 'retry') && !breaks
            if (ended !== 'same') model.set(id, stays ? 'provisioning' : (ended as TenantStatus | 'gone'))
            const status = ((await store.find({ kind: 'id', value: id })) as Tenant | undefined)?.status
            expect(status ?? 'gone').toBe(model.get(id))
            const thing = {
              gone: undefined,
              failed: undefined,
              provisioning: 'open',
              active: 'open',
              suspended: 'fenced',
              archived: 'fenced',
              deprovisioning: 'none',
            }[status ?? 'gone']
            expect(first.things.get(id)).toBe(thing)
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
