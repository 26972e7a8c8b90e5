import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  createLifecycle,
  type Lifecycle,
  type LifecycleHook,
  type LifecycleOptions,
  memoryTenantStore,
  type OperationKind,
  type RegistryChange,
  TenancyError,
  type Tenant,
  type TenantStatus,
  transitions,
} from '../src/index.ts'
import { type Recorder, recorder } from './lifecycle-support.ts'
import { recorder as log } from './support.ts'

const by = { actor: 'ops' }
const silent = log()

function made(options: Partial<LifecycleOptions> = {}) {
  const store = memoryTenantStore()
  const first = recorder('first')
  const second = recorder('second')
  const lifecycle = createLifecycle({ store, participants: [first, second], logger: silent, ...options })
  return { store, first, second, lifecycle }
}

const code = (expected: string) => expect.objectContaining({ code: expected })
const membersOf = ({ calls }: Recorder) => calls.map(call => call.split(' ')[0])

/** Brings a new tenant with the id `a` to a status. */
async function bring(status: TenantStatus, lifecycle: Lifecycle, first: Recorder): Promise<void> {
  const input = { id: 'a', slug: 'acme', name: 'Acme' }
  if (status === 'failed') {
    first.broken.add('provision')
    await expect(lifecycle.create(input, by)).rejects.toEqual(code('OPERATION_FAILED'))
    first.broken.clear()
    return
  }
  await lifecycle.create({ ...input, activate: status !== 'provisioning' }, by)
  if (status === 'suspended') await lifecycle.suspend('a', by)
  if (status === 'archived') await lifecycle.archive('a', by)
}

const simple = ['activate', 'suspend', 'resume', 'archive', 'restore', 'retry'] as const

describe('the life of a tenant', () => {
  it('A02 C25 a tenant is made in every participant, in their order, before it is active', async () => {
    const seen: string[] = []
    const { lifecycle, store, first, second } = made()
    const provision = second.provision
    second.provision = async (tenant, step) => {
      seen.push(((await store.find({ kind: 'id', value: tenant.id })) as Tenant).status)
      await provision?.(tenant, step)
    }
    const acme = await lifecycle.create({ slug: 'acme', name: 'Acme', domains: ['acme.example'] }, by)
    expect(acme).toMatchObject({ slug: 'acme', status: 'active', version: 2 })
    expect(Object.isFrozen(acme)).toBe(true)
    expect(seen).toEqual(['provisioning'])
    expect([first.things.get(acme.id), second.things.get(acme.id)]).toEqual(['open', 'open'])
    expect(await store.find({ kind: 'domain', value: 'acme.example' })).toEqual(acme)
    const [operation] = await lifecycle.history(acme.id)
    expect(operation?.steps.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'first.provision done',
      'second.provision done',
    ])
  })

  it.each(
    (['provisioning', 'active', 'suspended', 'archived', 'failed'] as const).flatMap(status =>
      simple.map(kind => [status, kind] as const),
    ),
  )('P11 P13 P14 C15 from %s, "%s" does what the table says, and nothing that it does not', async (status, kind) => {
    const { lifecycle, store, first } = made({ allowRestore: true })
    await bring(status, lifecycle, first)
    const before = (await store.find({ kind: 'id', value: 'a' })) as Tenant
    const { from, to }: { from: readonly TenantStatus[]; to: string } = transitions[kind]
    const result = lifecycle[kind]('a', by)
    if (from.includes(status)) {
      expect((await result).status).toBe(to)
    } else {
      await expect(result).rejects.toEqual(code('TRANSITION_REFUSED'))
      expect(await store.find({ kind: 'id', value: 'a' })).toEqual(before)
    }
  })

  it.each(['suspend', 'archive', 'destroy'] as const)(
    'T31 P19 C17 the default and the control tenant refuse "%s"',
    async kind => {
      const { lifecycle, store } = made()
      for (const flag of ['isDefault', 'isControl'] as const) {
        const { id, slug } = await lifecycle.create({ slug: flag.toLowerCase(), name: 'x', [flag]: true }, by)
        const work = kind === 'destroy' ? lifecycle.destroy(id, { ...by, confirm: slug }) : lifecycle[kind](id, by)
        await expect(work).rejects.toEqual(code('TRANSITION_REFUSED'))
        expect(await store.find({ kind: 'id', value: id })).toMatchObject({ status: 'active', version: 2 })
      }
    },
  )

  it('P13 C16 archived is for ever, unless the option says otherwise', async () => {
    const { lifecycle, first } = made()
    await bring('archived', lifecycle, first)
    await expect(lifecycle.restore('a', by)).rejects.toEqual(code('TRANSITION_REFUSED'))
  })

  it('L3 C19 a suspension closes the record first and the stores behind it; a resumption opens it last', async () => {
    const { lifecycle, store, first, second } = made()
    await lifecycle.create({ id: 'a', slug: 'acme', name: 'Acme' }, by)
    const statuses: string[] = []
    for (const participant of [first, second]) {
      for (const member of ['suspend', 'resume'] as const) {
        const inner = participant[member] as (...args: unknown[]) => Promise<void>
        participant[member] = async (...args: unknown[]) => {
          statuses.push(`${member} ${((await store.find({ kind: 'id', value: 'a' })) as Tenant).status}`)
          await inner(...args)
        }
      }
    }
    await lifecycle.suspend('a', by)
    expect([...first.things.values(), ...second.things.values()]).toEqual(['fenced', 'fenced'])
    await lifecycle.resume('a', by)
    expect(statuses).toEqual(['suspend suspended', 'suspend suspended', 'resume suspended', 'resume suspended'])
    expect([...first.things.values(), ...second.things.values()]).toEqual(['open', 'open'])
  })

  it('L2 what cannot be made is undone in reverse, is failed, and can be retried', async () => {
    const { lifecycle, store, first, second } = made()
    second.broken.add('provision')
    const undone: string[] = []
    for (const participant of [first, second]) {
      const { deprovision } = participant
      participant.deprovision = (tenant, step) => {
        undone.push(participant.name)
        return deprovision?.(tenant, step) as ReturnType<NonNullable<typeof deprovision>>
      }
    }
    const error: unknown = await lifecycle
      .create({ id: 'a', slug: 'acme', name: 'Acme' }, by)
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject({
      code: 'OPERATION_FAILED',
      details: { step: 'second.provision', reason: 'Error EBROKEN' },
    })
    expect((error as Error).cause).toMatchObject({ message: 'password=hunter2' })
    expect(membersOf(second)).toEqual(['provision', 'deprovision'])
    expect(membersOf(first)).toEqual(['provision', 'deprovision'])
    expect(undone).toEqual(['second', 'first'])
    expect([first.things.size, second.things.size]).toEqual([0, 0])
    expect(await store.find({ kind: 'id', value: 'a' })).toMatchObject({ status: 'failed' })
    const kept = inspect([await lifecycle.history('a'), store.trail], { depth: 20 })
    expect(kept).not.toContain('hunter2')

    second.broken.clear()
    expect(await lifecycle.retry('a', by)).toMatchObject({ status: 'active' })
    expect([first.things.size, second.things.size]).toEqual([1, 1])
  })

  it.each([false, true])('a tenant that was not to be active is not when it is made again (bare: %s)', async bare => {
    const { lifecycle, store, first } = made()
    const asked: string[] = []
    const gate: LifecycleHook = { name: 'gate', on: ['activate'], before: ({ kind }) => void asked.push(kind) }
    const input = { id: 'a', slug: 'acme', name: 'Acme', activate: false }
    first.broken.add('provision')
    await expect(lifecycle.create(input, by)).rejects.toEqual(code('OPERATION_FAILED'))
    first.broken.clear()
    const again = createLifecycle({ store, participants: bare ? [] : [first], hooks: [gate], logger: silent })
    expect(await again.retry('a', by)).toMatchObject({ status: 'provisioning' })
    expect(asked).toEqual([])
    expect(await again.activate('a', by)).toMatchObject({ status: 'active' })
    expect(asked).toEqual(['activate'])
  })

  it('L2 somebody else’s object is left alone when what stumbled over it is undone', async () => {
    const { lifecycle, store, first, second } = made()
    const foreign = async () => {
      throw new TenancyError('OBJECT_FOREIGN', { kind: 'schema', name: 't_a', owner: 'postgres' })
    }
    Object.assign(second, { provision: foreign, deprovision: foreign })
    await expect(lifecycle.create({ id: 'a', slug: 'acme', name: 'Acme' }, by)).rejects.toEqual(
      code('OPERATION_FAILED'),
    )
    expect(await store.find({ kind: 'id', value: 'a' })).toMatchObject({ status: 'failed' })
    expect(first.things.size).toBe(0)
  })

  it('L2 a step of a suspension that fails is left; its status holds, and a reconciliation goes on with that step', async () => {
    const { lifecycle, store, first, second } = made()
    await lifecycle.create({ id: 'a', slug: 'acme', name: 'Acme' }, by)
    second.broken.add('suspend')
    await expect(lifecycle.suspend('a', by)).rejects.toEqual(code('OPERATION_INCOMPLETE'))
    expect(await store.find({ kind: 'id', value: 'a' })).toMatchObject({ status: 'suspended' })
    await expect(lifecycle.resume('a', by)).rejects.toEqual(code('OPERATION_UNDERWAY'))
    const still = await lifecycle.reconcile()
    expect(still).toMatchObject({ done: [], failed: [], left: [{ reason: expect.stringContaining('second.suspend') }] })
    second.broken.clear()
    expect(await lifecycle.reconcile()).toMatchObject({ done: [expect.any(String)], failed: [], left: [] })
    expect(membersOf(first).filter(member => member === 'suspend')).toHaveLength(1)
    expect(await lifecycle.resume('a', by)).toMatchObject({ status: 'active' })
  })

  it('a resumption that fails is undone: what was opened is closed again', async () => {
    const { lifecycle, first, second, store } = made()
    await bring('suspended', lifecycle, first)
    second.broken.add('resume')
    await expect(lifecycle.resume('a', by)).rejects.toEqual(code('OPERATION_FAILED'))
    expect([...first.things.values(), ...second.things.values()]).toEqual(['fenced', 'fenced'])
    expect(await store.find({ kind: 'id', value: 'a' })).toMatchObject({ status: 'suspended' })
  })

  it('C16 L5 an erasure wants the slug, tells what it will erase, erases in reverse, proves it, and leaves a tombstone', async () => {
    const { lifecycle, store, first, second } = made()
    await lifecycle.create({ id: 'a', slug: 'acme', name: 'Acme', domains: ['acme.example'] }, by)
    await lifecycle.rename('a', { slug: 'apex' }, by)
    const confirmed = { ...by, confirm: 'apex' }
    await expect(lifecycle.destroy('a', confirmed)).rejects.toEqual(code('TRANSITION_REFUSED'))
    await lifecycle.archive('a', by)
    expect(await lifecycle.preview('a')).toEqual({
      tenant: 'a',
      slug: 'apex',
      participants: [first, second].map(({ name }) => ({
        participant: name,
        holdings: [{ kind: 'thing', name, count: 1 }],
      })),
      uncounted: [],
    })
    await expect(lifecycle.destroy('a', { ...by, confirm: 'acme' })).rejects.toEqual(code('CONFIRMATION_REQUIRED'))
    const audited = store.trail.length
    const deprovision = second.deprovision
    second.deprovision = (...args) => {
      expect(store.trail[audited]).toMatchObject({ action: 'tenant.destroy', actor: 'ops', tenant: 'a' })
      return deprovision?.(...args) as ReturnType<NonNullable<typeof deprovision>>
    }
    const report = await lifecycle.destroy('a', confirmed)
    expect(report).toMatchObject({
      tenant: 'a',
      erased: [second, first].map(({ name }) => ({ participant: name, holdings: [{ kind: 'thing', name, count: 1 }] })),
      proved: ['second', 'first'],
      unproved: [],
    })
    expect(await store.find({ kind: 'id', value: 'a' })).toBeUndefined()
    for (const taken of [{ slug: 'acme' }, { slug: 'apex' }, { id: 'a', slug: 'other' }]) {
      await expect(lifecycle.create({ name: 'x', ...taken }, by)).rejects.toEqual(code('TENANT_EXISTS'))
    }
    await lifecycle.create({ slug: 'other', name: 'Other', domains: ['acme.example'] }, by)
  })

  it('counts with participants that keep their own state', async () => {
    const own = { name: 'own', left: [{ kind: 'thing', name: 'x', count: 3 }] }
    const counts = {
      ...own,
      async inventory(this: typeof own) {
        return this.left
      },
    }
    const { lifecycle } = made({ participants: [counts] })
    await lifecycle.create({ id: 'a', slug: 'acme', name: 'Acme' }, by)
    expect(await lifecycle.preview('a')).toMatchObject({ participants: [{ participant: 'own', holdings: own.left }] })
  })

  it('an erasure that leaves something is not done', async () => {
    const { lifecycle, first, second, store } = made()
    await bring('archived', lifecycle, first)
    second.inventory = async () => [{ kind: 'schema', name: 't_a', count: 1 }]
    const work = lifecycle.destroy('a', { ...by, confirm: 'acme' })
    await expect(work).rejects.toMatchObject({ code: 'OPERATION_INCOMPLETE', cause: { code: 'ERASURE_UNPROVEN' } })
    expect(await store.find({ kind: 'id', value: 'a' })).toMatchObject({ status: 'deprovisioning' })
    second.inventory = async () => []
    expect(await lifecycle.reconcile()).toMatchObject({ done: [expect.any(String)] })
    expect(await store.find({ kind: 'id', value: 'a' })).toBeUndefined()
  })
})

it('pages of tenants are as long as they are asked for, and of the statuses that are asked for', async () => {
  const { lifecycle, store } = made({ participants: [] })
  for (const id of ['a', 'b', 'c', 'd']) await lifecycle.create({ id, slug: id, name: id }, by)
  await lifecycle.suspend('b', by)
  const ids = async (options: Parameters<typeof store.page>[0]) => {
    const { tenants, next } = await store.page(options)
    return [tenants.map(({ id }) => id).join(''), next]
  }
  expect(await ids({})).toEqual(['abcd', undefined])
  expect(await ids({ limit: 2 })).toEqual(['ab', 'b'])
  expect(await ids({ limit: 2, after: 'b' })).toEqual(['cd', undefined])
  expect(await ids({ limit: 2, statuses: ['active'] })).toEqual(['ac', 'c'])
  for (const limit of [0, 1_001, 1.5]) await expect(store.page({ limit })).rejects.toEqual(code('INPUT_INVALID'))
})

describe('idempotency keys', () => {
  it('L1 the same key gives the same outcome, whatever has happened since; other parameters are refused', async () => {
    const { lifecycle, first } = made()
    const access = { ...by, key: 'k-1' }
    const acme = await lifecycle.create({ slug: 'acme', name: 'Acme' }, access)
    await lifecycle.rename(acme.id, { name: 'Apex' }, by)
    expect(await lifecycle.create({ name: 'Acme', slug: 'acme' }, access)).toEqual(acme)
    for (const other of [
      () => lifecycle.create({ slug: 'acme', name: 'Another' }, access),
      () => lifecycle.create({ slug: 'acme', name: 'Acme', activate: false }, access),
      () => lifecycle.suspend(acme.id, access),
    ]) {
      await expect(other()).rejects.toEqual(code('IDEMPOTENCY_CONFLICT'))
    }
    expect(membersOf(first)).toEqual(['provision'])

    const suspended = await lifecycle.suspend(acme.id, { ...by, key: 'k-2' })
    await lifecycle.resume(acme.id, by)
    expect(await lifecycle.suspend(acme.id, { ...by, key: 'k-2' })).toEqual(suspended)
    expect(membersOf(first)).toEqual(['provision', 'suspend', 'resume'])
  })

  it('L1 so does that of a creation that failed', async () => {
    const { lifecycle, first } = made()
    first.broken.add('provision')
    const create = () => lifecycle.create({ slug: 'acme', name: 'Acme' }, { ...by, key: 'k' })
    await expect(create()).rejects.toEqual(code('OPERATION_FAILED'))
    first.broken.clear()
    await expect(create()).rejects.toEqual(code('OPERATION_FAILED'))
    expect(first.things.size).toBe(0)
  })

  it('L1 1,000 at once with one key make one tenant, from two processes', async () => {
    const { lifecycle, store, first } = made()
    const other = createLifecycle({ store, participants: [first, recorder('second')], logger: silent })
    const created = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        (index % 2 === 0 ? lifecycle : other).create({ slug: 'acme', name: 'Acme' }, { ...by, key: 'k' }),
      ),
    )
    expect(new Set(created.map(({ id }) => id)).size).toBe(1)
    expect(membersOf(first)).toEqual(['provision'])
  })

  it('L1 refuses what is no key, and an operation without an actor', async () => {
    const { lifecycle } = made()
    for (const access of [
      { actor: '' },
      { actor: 'x', key: '' },
      { actor: 'x', key: 'a b' },
      {} as { actor: string },
    ]) {
      await expect(lifecycle.create({ slug: 'acme', name: 'Acme' }, access)).rejects.toEqual(code('ARGUMENT_INVALID'))
    }
  })
})

describe('changes of the record', () => {
  it('T34 T35 A09 A10 L12 names, domains and settings, against the version that was read', async () => {
    const { lifecycle, store } = made()
    const { id } = await lifecycle.create({ slug: 'acme', name: 'Acme' }, by)
    expect(await lifecycle.rename(id, { name: 'Acme Europe' }, { ...by, expected: 2 })).toMatchObject({ version: 3 })
    await expect(lifecycle.setSettings(id, { a: 1 }, { ...by, expected: 2 })).rejects.toEqual(code('VERSION_CONFLICT'))
    expect(await lifecycle.setSettings(id, { a: 1 }, by)).toMatchObject({
      settings: { a: 1 },
      name: 'Acme Europe',
      version: 4,
    })
    await lifecycle.setDomains(id, ['B.example', 'a.example'], by)
    expect(await store.domains(id)).toMatchObject([
      { name: 'b.example', isPrimary: true },
      { name: 'a.example', isPrimary: false },
    ])
    await lifecycle.setDomains(id, ['a.example'], by)
    expect(await store.find({ kind: 'domain', value: 'b.example' })).toBeUndefined()
    await expect(lifecycle.suspend(id, { ...by, expected: 5 })).rejects.toEqual(code('VERSION_CONFLICT'))
    await expect(lifecycle.rename(id, {}, by)).rejects.toEqual(code('INPUT_INVALID'))
  })

  it('P13 an archived tenant is not changed', async () => {
    const { lifecycle, first } = made()
    await bring('archived', lifecycle, first)
    await expect(lifecycle.rename('a', { name: 'x' }, by)).rejects.toEqual(code('TRANSITION_REFUSED'))
  })

  it('C20 P10 each change is announced with its version and the keys that lead to it, and one that cannot be told holds', async () => {
    const told: RegistryChange[] = []
    const { lifecycle, store } = made({ announce: async change => void told.push(change) })
    const { id } = await lifecycle.create({ slug: 'acme', name: 'Acme', domains: ['acme.example'] }, by)
    expect(told.at(-1)).toEqual({
      id,
      version: 2,
      keys: [
        { kind: 'id', value: id },
        { kind: 'slug', value: 'acme' },
        { kind: 'domain', value: 'acme.example' },
      ],
    })
    await lifecycle.suspend(id, by)
    expect(told.map(({ version }) => version)).toContain(3)
    const deaf = createLifecycle({ store, logger: silent, announce: () => Promise.reject(new Error('Redis is down')) })
    expect(await deaf.resume(id, by)).toMatchObject({ status: 'active' })
  })
})

describe('hooks', () => {
  const gate = (name: string, on: readonly OperationKind[], before?: LifecycleHook['before']): LifecycleHook => ({
    name,
    on,
    ...(before && { before }),
  })

  it('T11 T13 S28 C37 a licence gate refuses before anything is written, also the activation within a creation', async () => {
    const licences = new Set<string>()
    const { lifecycle, store, first } = made({
      hooks: [
        gate('licence', ['activate'], ({ tenant, input }) => {
          const slug = tenant?.slug ?? input?.slug ?? ''
          if (!licences.has(slug)) throw new TenancyError('LICENSE_REQUIRED', { feature: `tenant ${slug}` })
        }),
      ],
    })
    await expect(lifecycle.create({ slug: 'acme', name: 'Acme' }, by)).rejects.toEqual(code('LICENSE_REQUIRED'))
    expect(await store.find({ kind: 'slug', value: 'acme' })).toBeUndefined()
    expect(first.calls).toEqual([])
    const { id } = await lifecycle.create({ slug: 'acme', name: 'Acme', activate: false }, by)
    await expect(lifecycle.activate(id, by)).rejects.toEqual(code('LICENSE_REQUIRED'))
    licences.add('acme')
    expect(await lifecycle.activate(id, by)).toMatchObject({ status: 'active' })
  })

  it('C23 A07 who may do it is a gate, too: it hears the actor, the operation and the tenant', async () => {
    const heard: unknown[] = []
    const { lifecycle } = made({
      hooks: [gate('authorizer', ['create', 'suspend'], intention => void heard.push(intention))],
    })
    const acme = await lifecycle.create(
      { slug: 'acme', name: 'Acme', settings: { tier: 'gold' } },
      { ...by, reason: 'signed' },
    )
    await lifecycle.suspend(acme.id, by)
    expect(heard).toMatchObject([
      { kind: 'create', actor: 'ops', reason: 'signed', input: { slug: 'acme', settings: { tier: 'gold' } } },
      { kind: 'suspend', actor: 'ops', tenant: acme },
    ])
  })

  it('a gate is not asked again for what was done with its key', async () => {
    let isOpen = true
    const { lifecycle } = made({
      hooks: [
        gate('gate', ['create'], () => {
          if (!isOpen) throw new Error('closed')
        }),
      ],
    })
    const acme = await lifecycle.create({ slug: 'acme', name: 'Acme' }, { ...by, key: 'k' })
    isOpen = false
    expect(await lifecycle.create({ slug: 'acme', name: 'Acme' }, { ...by, key: 'k' })).toEqual(acme)
  })

  it('what comes after is a step: taken behind the change of status until it succeeds, with one key', async () => {
    const steps: string[] = []
    let fails = true
    const hook: LifecycleHook = {
      name: 'mail',
      on: ['activate'],
      after: (tenant, step) => {
        steps.push(`${tenant.status} ${step.split('/')[1]}`)
        if (fails) throw new Error('no mail')
      },
    }
    const { lifecycle, store, first } = made({ hooks: [hook] })
    await expect(lifecycle.create({ id: 'a', slug: 'acme', name: 'Acme' }, by)).rejects.toEqual(
      code('OPERATION_INCOMPLETE'),
    )
    expect(await store.find({ kind: 'id', value: 'a' })).toMatchObject({ status: 'active' })
    fails = false
    await lifecycle.reconcile()
    expect(steps).toEqual(['active mail.after', 'active mail.after'])
    expect(membersOf(first)).toEqual(['provision'])
  })
})

describe('what is there from the start', () => {
  it('T10 T30 P16 P20 P21 several processes that begin at once make one default and one control tenant', async () => {
    const { store, first, second } = made()
    const boot = async () => {
      const lifecycle = createLifecycle({ store, participants: [first, second], logger: silent })
      await lifecycle.ensure({ slug: 'porta-admin', name: 'Administrators', isControl: true }, by)
      return lifecycle.ensure({ slug: 'main', name: 'Main', isDefault: true }, by)
    }
    const tenants = await Promise.all(Array.from({ length: 8 }, boot))
    expect(new Set(tenants.map(({ id }) => id)).size).toBe(1)
    expect(tenants.every(({ status }) => status === 'active')).toBe(true)
    expect(membersOf(first)).toEqual(['provision', 'provision'])
    expect(await store.findControl()).toMatchObject({ slug: 'porta-admin' })
  })

  it('T30 refuses a slug that is another kind of tenant’s, and a second default tenant', async () => {
    const { lifecycle } = made()
    await lifecycle.ensure({ slug: 'main', name: 'Main', isDefault: true }, by)
    await expect(lifecycle.ensure({ slug: 'main', name: 'Main' }, by)).rejects.toEqual(code('TENANT_EXISTS'))
    await expect(lifecycle.ensure({ slug: 'two', name: 'Two', isDefault: true }, by)).rejects.toEqual(
      code('TENANT_EXISTS'),
    )
  })

  it('T10 what could not be made at one start is made at the next, by one of several processes', async () => {
    const { store, first, lifecycle } = made()
    const main = { slug: 'main', name: 'Main', isDefault: true }
    first.broken.add('provision')
    await expect(lifecycle.ensure(main, by)).rejects.toEqual(code('OPERATION_FAILED'))
    first.broken.clear()
    const boot = () => createLifecycle({ store, participants: [first], logger: silent }).ensure(main, by)
    const tenants = await Promise.all(Array.from({ length: 8 }, boot))
    expect(tenants.map(({ status }) => status)).toEqual(Array(8).fill('active'))
    expect(membersOf(first)).toEqual(['provision', 'deprovision', 'provision'])
  })

  it('gives no tenant that may not be served', async () => {
    const { lifecycle, first } = made()
    const acme = { slug: 'acme', name: 'Acme' }
    await bring('suspended', lifecycle, first)
    await expect(lifecycle.ensure(acme, by)).rejects.toEqual(code('TRANSITION_REFUSED'))
    await lifecycle.archive('a', by)
    await expect(lifecycle.ensure(acme, by)).rejects.toEqual(code('TRANSITION_REFUSED'))
    const beta = { slug: 'beta', name: 'Beta', activate: false }
    for (const _ of [1, 2]) expect(await lifecycle.ensure(beta, by)).toMatchObject({ status: 'provisioning' })
    await expect(lifecycle.ensure({ ...beta, activate: true }, by)).rejects.toEqual(code('TRANSITION_REFUSED'))
  })
})

describe('the parts of a life cycle', () => {
  it.each<[string, Partial<LifecycleOptions>]>([
    ['two participants of one name', { participants: [recorder('a'), recorder('a')] }],
    ['a hook of the name of a participant', { hooks: [{ name: 'first', on: [] }], participants: [recorder('first')] }],
    ['the name of a step of its own', { participants: [recorder('status')] }],
    ['a lease of nothing', { lease: 0 }],
    ['a drain of no number', { drain: Number.NaN }],
  ])('refuses %s', (_, options) => {
    expect(() => made(options)).toThrow(code('ARGUMENT_INVALID'))
  })
})
