import { describe, expect, it } from 'vitest'
import { createLifecycle, type LifecycleOptions, memoryTenantStore, type TenantStore } from '../src/index.ts'
import { dyingStore, Killed, recorder } from './lifecycle-support.ts'
import { recorder as log } from './support.ts'

const by = { actor: 'ops' }
const silent = log()
const acme = { id: 'a', slug: 'acme', name: 'Acme' }
const code = (expected: string) => expect.objectContaining({ code: expected })

function made(options: Partial<LifecycleOptions> = {}) {
  const store = memoryTenantStore()
  const first = recorder('first')
  const second = recorder('second')
  const lifecycle = createLifecycle({ store, participants: [first, second], logger: silent, ...options })
  return { store, first, second, lifecycle }
}

const statusOf = async (store: TenantStore) => (await store.find({ kind: 'id', value: 'a' }))?.status

describe('a life cycle under attack', () => {
  it('T10 P21 L1 processes that ensure one tenant of a given id at once are all given it', async () => {
    const { store, lifecycle, first } = made()
    const others = createLifecycle({ store, participants: [recorder('first'), recorder('second')], logger: silent })
    const given = { ...acme, isDefault: true }
    const all = await Promise.all([lifecycle, others, lifecycle].map(each => each.ensure(given, by)))
    expect(all.map(({ id, status }) => `${id} ${status}`)).toEqual(['a active', 'a active', 'a active'])
    expect(first.things.size).toBe(1)
  })

  it('T10 P21 a start makes the tenant whose creation had failed, and does not go on without it', async () => {
    const { lifecycle, first } = made()
    first.broken.add('provision')
    await expect(lifecycle.ensure({ ...acme, isDefault: true }, by)).rejects.toEqual(code('OPERATION_FAILED'))
    await expect(lifecycle.ensure({ ...acme, isDefault: true }, by)).rejects.toEqual(code('OPERATION_FAILED'))
    first.broken.clear()
    expect(await lifecycle.ensure({ ...acme, isDefault: true }, by)).toMatchObject({ status: 'active' })
    expect(first.things.get('a')).toBe('open')
  })

  it('T11 T13 a retry does not serve a tenant that was not to be served', async () => {
    const asked: string[] = []
    const { lifecycle, store, first } = made({
      hooks: [{ name: 'licence', on: ['activate'], before: ({ kind }) => void asked.push(kind) }],
    })
    first.broken.add('provision')
    await expect(lifecycle.create({ ...acme, activate: false }, by)).rejects.toEqual(code('OPERATION_FAILED'))
    await expect(lifecycle.retry('a', by)).rejects.toEqual(code('OPERATION_FAILED'))
    first.broken.clear()
    await lifecycle.rename('a', { name: 'Acme Inc.' }, by)
    expect(await lifecycle.retry('a', by)).toMatchObject({ status: 'provisioning' })
    expect(await statusOf(store)).toBe('provisioning')
    expect(asked).toEqual([])
    expect(await lifecycle.activate('a', by)).toMatchObject({ status: 'active' })
    expect(asked).toEqual(['activate'])
  })

  it('T11 nor does one that has nothing to make', async () => {
    const { lifecycle, store, first } = made()
    first.broken.add('provision')
    await expect(lifecycle.create({ ...acme, activate: false }, by)).rejects.toEqual(code('OPERATION_FAILED'))
    const bare = createLifecycle({ store, logger: silent })
    expect(await bare.retry('a', by)).toMatchObject({ status: 'provisioning' })
  })

  it('L2 an operation is not undone without the participant that has begun it', async () => {
    const { lifecycle, store, first, second } = made()
    second.broken.add('provision')
    first.broken.add('deprovision')
    second.broken.add('deprovision')
    await expect(lifecycle.create(acme, by)).rejects.toEqual(code('OPERATION_INCOMPLETE'))
    const without = createLifecycle({ store, participants: [second], logger: silent })
    second.broken.clear()
    const { failed, left } = await without.reconcile()
    expect({ failed, left }).toEqual({ failed: [], left: [expect.objectContaining({})] })
    expect(left[0]?.reason).toContain('first.provision')
    first.broken.clear()
    expect((await lifecycle.reconcile()).failed).toHaveLength(1)
    expect([...first.things]).toEqual([])
    expect(await statusOf(store)).toBe('failed')
  })

  it('L2 L5 nor is an erasure done without the participant that stopped in it', async () => {
    const { lifecycle, store, first, second } = made()
    await lifecycle.create(acme, by)
    await lifecycle.archive('a', by)
    first.broken.add('deprovision')
    const confirmed = { ...by, confirm: 'acme' }
    await expect(lifecycle.destroy('a', confirmed)).rejects.toEqual(code('OPERATION_INCOMPLETE'))
    const without = createLifecycle({ store, participants: [second], logger: silent })
    expect((await without.reconcile()).done).toEqual([])
    expect(await statusOf(store)).toBe('deprovisioning')
    first.broken.clear()
    expect((await lifecycle.reconcile()).done).toHaveLength(1)
    expect([...first.things]).toEqual([])
  })

  it('L2 a hook that is gone holds nothing up', async () => {
    const mail = { name: 'mail', on: ['create' as const], after: () => Promise.reject(new Error('no mail today')) }
    const { lifecycle, store } = made({ hooks: [mail] })
    await expect(lifecycle.create(acme, by)).rejects.toEqual(code('OPERATION_INCOMPLETE'))
    const without = createLifecycle({ store, participants: [recorder('first'), recorder('second')], logger: silent })
    expect((await without.reconcile()).done).toHaveLength(1)
  })

  it('L2 operations that cannot be ended do not keep a reconciliation from those behind them', async () => {
    const { lifecycle, store, first } = made()
    for (const id of ['a', 'b', 'c']) {
      await lifecycle.create({ id, slug: id, name: id }, by)
      first.broken.add('suspend')
      await expect(lifecycle.suspend(id, by)).rejects.toEqual(code('OPERATION_INCOMPLETE'))
    }
    first.broken.clear()
    const suspend = first.suspend
    first.suspend = async (tenant, ...rest) => {
      if (tenant.id !== 'c') throw new Error('never again')
      await suspend?.(tenant, ...rest)
    }
    const done: string[] = []
    for (let round = 0; round < 3; round++) done.push(...(await lifecycle.reconcile({ limit: 1 })).done)
    expect(done).toHaveLength(1)
    expect(await store.unfinished(9)).toHaveLength(2)
  })

  it('C16 L12 an erasure that was confirmed by a slug is not begun behind a change of it', async () => {
    const { store, lifecycle } = made()
    await lifecycle.create({ ...acme, activate: false }, by)
    const racing: TenantStore = {
      ...store,
      async begin(operation, ...rest) {
        if (operation.kind === 'destroy') await lifecycle.rename('a', { slug: 'other' }, by)
        return store.begin(operation, ...rest)
      },
    }
    const late = createLifecycle({ store: racing, participants: [recorder('first')], logger: silent })
    await expect(late.destroy('a', { ...by, confirm: 'acme' })).rejects.toEqual(code('VERSION_CONFLICT'))
    expect(await statusOf(store)).toBe('provisioning')
  })

  it('L2 nor is a creation ended by a process without the participants that it was begun with', async () => {
    const { store, first } = made()
    const doomed = createLifecycle({
      store: dyingStore(store, 2, 'before'),
      participants: [first, recorder('second')],
      lease: 100,
      logger: silent,
    })
    await expect(doomed.create(acme, by)).rejects.toThrow(Killed)
    await expect.poll(() => store.unfinished(1)).toHaveLength(1)
    const bare = createLifecycle({ store, logger: silent })
    expect(await bare.reconcile()).toMatchObject({ left: [{ reason: expect.stringContaining('first.provision') }] })
    expect(await statusOf(store)).toBe('provisioning')
    const whole = createLifecycle({ store, participants: [first, recorder('second')], logger: silent })
    expect(await whole.reconcile()).toMatchObject({ done: [expect.any(String)] })
    expect(await statusOf(store)).toBe('active')
  })

  it('L2 what a store throws for one operation keeps a reconciliation from no other', async () => {
    const { store, first } = made()
    const options = { participants: [first, recorder('second')], lease: 100, logger: silent }
    for (const [id, nth] of [
      ['a', 2],
      ['b', 2],
    ] as const) {
      const doomed = createLifecycle({ ...options, store: dyingStore(store, nth, 'before') })
      await expect(doomed.create({ id, slug: id, name: id }, by)).rejects.toThrow(Killed)
    }
    await expect.poll(() => store.unfinished(2)).toHaveLength(2)
    let claims = 0
    const claim: TenantStore['claim'] = (...args) =>
      ++claims === 1
        ? Promise.reject(Object.assign(new Error('password=hunter2'), { code: '40P01' }))
        : store.claim(...args)
    const outcome = await createLifecycle({ ...options, store: { ...store, claim } }).reconcile()
    expect(outcome).toMatchObject({ done: [expect.any(String)], left: [{ reason: 'Error 40P01' }] })
  })

  it('L3 L12 a hook that hangs is left, and keeps no active tenant from being suspended', async () => {
    const hangs = { name: 'mail', on: ['activate'] as const, after: () => new Promise<void>(() => undefined) }
    const { lifecycle, store } = made({ hooks: [hangs], patience: 50 })
    await expect(lifecycle.create(acme, by)).rejects.toEqual(code('OPERATION_INCOMPLETE'))
    expect(await lifecycle.suspend('a', by)).toMatchObject({ status: 'suspended' })
    expect(store.trail.some(({ details }) => JSON.stringify(details).includes('mail.after'))).toBe(true)
  })

  it('C16 what has erased and cannot prove it is told apart', async () => {
    const { lifecycle, second } = made()
    Reflect.deleteProperty(second, 'inventory')
    await lifecycle.create(acme, by)
    await lifecycle.archive('a', by)
    expect(await lifecycle.destroy('a', { ...by, confirm: 'acme' })).toMatchObject({
      proved: ['first'],
      unproved: ['second'],
    })
  })

  it('L3 L12 a hook that fails for ever does not keep an active tenant from being suspended', async () => {
    const mail = { name: 'mail', on: ['create' as const], after: () => Promise.reject(new Error('no mail today')) }
    const { lifecycle, store, first } = made({ hooks: [mail] })
    await expect(lifecycle.create(acme, by)).rejects.toEqual(code('OPERATION_INCOMPLETE'))
    expect(await statusOf(store)).toBe('active')
    expect(await lifecycle.suspend('a', by)).toMatchObject({ status: 'suspended' })
    expect(first.things.get('a')).toBe('fenced')
  })

  it('L3 L12 a suspension ends nothing that has steps to take, nor what somebody works on', async () => {
    const { lifecycle, store, second } = made()
    await lifecycle.create(acme, by)
    second.broken.add('suspend')
    await expect(lifecycle.suspend('a', by)).rejects.toEqual(code('OPERATION_INCOMPLETE'))
    await expect(lifecycle.archive('a', by)).rejects.toEqual(code('OPERATION_UNDERWAY'))
    expect((await store.history('a', 1))[0]).toMatchObject({ kind: 'suspend', state: 'running' })
    second.broken.clear()
    expect((await lifecycle.reconcile()).done).toHaveLength(1)
    second.broken.add('resume')
    second.broken.add('suspend')
    await expect(lifecycle.resume('a', by)).rejects.toEqual(code('OPERATION_INCOMPLETE'))
    await expect(lifecycle.archive('a', by)).rejects.toEqual(code('OPERATION_UNDERWAY'))
    const [left] = await store.history('a', 1)
    expect(left).toMatchObject({ kind: 'resume', state: 'undoing' })
    second.broken.clear()
    expect((await lifecycle.reconcile()).failed).toEqual([left?.id])

    let send: () => void = () => undefined
    const sent = new Promise<void>(resolve => {
      send = resolve
    })
    let begin: () => void = () => undefined
    const begun = new Promise<void>(resolve => {
      begin = resolve
    })
    const after = () => {
      begin()
      return sent
    }
    const mail = { name: 'mail', on: ['resume' as const], after }
    const slow = createLifecycle({ store, participants: [recorder('first')], hooks: [mail], logger: silent })
    const resumed = slow.resume('a', by)
    await begun
    await expect(lifecycle.suspend('a', by)).rejects.toEqual(code('OPERATION_UNDERWAY'))
    send()
    expect(await resumed).toMatchObject({ status: 'active' })
  })

  it('L3 P4 the audit says which hooks were not told, and the reconciliation is done with them', async () => {
    const mail = { name: 'mail', on: ['create' as const], after: () => Promise.reject(new Error('no mail today')) }
    const { lifecycle, store } = made({ hooks: [mail] })
    await expect(lifecycle.create(acme, by)).rejects.toEqual(code('OPERATION_INCOMPLETE'))
    await lifecycle.archive('a', by)
    expect(store.trail.map(({ action }) => action)).toEqual([
      'tenant.create',
      'tenant.create.done',
      'tenant.archive',
      'tenant.archive.done',
    ])
    expect(store.trail[1]?.details).toMatchObject({ untold: ['mail.after'] })
    expect(await store.unfinished(9)).toEqual([])
  })
})
