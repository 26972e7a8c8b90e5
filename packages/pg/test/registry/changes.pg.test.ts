import type { RegistryChange } from '@tenantry/core'
import { type FaultProxy, startFaultProxy } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import pg from 'pg'
import { afterEach, expect, it } from 'vitest'
import { type RegistryChanges, type RegistryChangesOptions, registryChanges } from '../../src/registry/index.ts'
import { refusal } from '../support.ts'
import { change, create, fresh, remove, useRegistry } from './support.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

describePostgres('changes of the registry', server => {
  const db = useRegistry(server)
  const open: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close()
  })

  function busOf(url: () => string, options: Partial<RegistryChangesOptions> = {}): RegistryChanges {
    const bus = registryChanges({ connect: () => new pg.Client(url()), longestWait: 200, logger: silent, ...options })
    open.push(bus)
    return bus
  }

  /** Collects what is heard, and waits for it. */
  async function listen(bus: RegistryChanges) {
    const heard: (RegistryChange | 'missed')[] = []
    let wake = (): void => undefined
    const end = await bus.subscribe({
      changed: what => {
        heard.push(what)
        wake()
      },
      missed: () => {
        heard.push('missed')
        wake()
      },
    })
    async function until(done: (all: typeof heard) => boolean): Promise<void> {
      while (!done(heard)) await new Promise<void>(resolve => (wake = resolve))
    }
    const of = (id: string) => heard.filter((what): what is RegistryChange => what !== 'missed' && what.id === id)
    return { heard, end, until, of }
  }

  const keysOf = (changes: readonly RegistryChange[]) =>
    [...new Set(changes.flatMap(({ keys }) => keys.map(({ kind, value }) => `${kind} ${value}`)))].sort()

  it('each change is told with the version since and all keys that led or lead to the tenant', async () => {
    const { of, until } = await listen(busOf(() => db.database.runtimeUrl))
    const { id } = await create(db.registry, { slug: 'told', domains: ['told.example'] })
    await change(db.registry, 'rename', id, { slug: 'retold' })
    await change(db.registry, 'setDomains', id, { domains: ['new.example'] })
    await change(db.registry, 'suspend', id, { status: 'suspended' })
    await until(() => of(id).some(({ version }) => version === 4))
    const at = (version: number) => keysOf(of(id).filter(what => what.version === version))
    expect(at(1)).toEqual(['domain told.example', 'slug told'])
    expect(at(2)).toEqual(['domain told.example', 'slug retold', 'slug told'])
    expect(at(3)).toEqual(['domain new.example', 'domain told.example', 'slug retold'])
    expect(at(4)).toEqual(['domain new.example', 'slug retold'])
  })

  it('the end of a tenant is told with one more than its last version', async () => {
    const { of, until } = await listen(busOf(() => db.database.runtimeUrl))
    const { id, slug } = await create(db.registry, { domains: ['ended.example'] })
    await remove(db.registry, id)
    await until(() => of(id).some(({ version }) => version === 3))
    expect(keysOf(of(id).filter(({ version }) => version === 3))).toEqual(['domain ended.example', `slug ${slug}`])
  })

  it('a change that is written by hand is told, also one of a domain only', async () => {
    const { id } = await create(db.registry)
    const { of, until } = await listen(busOf(() => db.database.runtimeUrl))
    await db.sql('owner', 'insert into tenantry.registry_domains (name, tenant) values ($2, $1)', [id, `${id}.example`])
    await until(() => keysOf(of(id)).includes(`domain ${id}.example`))
    expect(of(id).every(({ version }) => version === 2)).toBe(true)
  })

  it('a tenant with more domains than one notice holds is told whole', async () => {
    const domains = Array.from(
      { length: 100 },
      (_, n) => `${'x'.repeat(60)}.${'y'.repeat(60)}.${'z'.repeat(60)}.d${n}.example`,
    )
    const { id } = await create(db.registry, { domains })
    const { of, until } = await listen(busOf(() => db.database.runtimeUrl))
    await change(db.registry, 'suspend', id, { status: 'suspended' })
    await until(() => keysOf(of(id)).length === 101)
  })

  it('nothing is told of what was rolled back', async () => {
    const { of, until } = await listen(busOf(() => db.database.runtimeUrl))
    const { id } = await create(db.registry)
    await db.sql(
      'runtime',
      `begin; update tenantry.registry_tenants set name = 'x', version = version + 1 where id = '${id}'; rollback`,
    )
    await change(db.registry, 'rename', id, { name: 'Y' })
    await until(() => of(id).some(({ version }) => version === 2))
    expect(of(id)).toHaveLength(2)
  })

  it('after each gap everything may have been missed, and what comes then is heard', async () => {
    const { heard, of, until } = await listen(busOf(() => db.database.runtimeUrl))
    for (let gap = 1; gap <= 3; gap++) {
      const text = `select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %' and datname = current_database()`
      await db.sql('admin', text)
      await until(all => all.filter(what => what === 'missed').length === gap)
      const { id } = await create(db.registry)
      await until(() => of(id).length > 0)
    }
    expect(heard.filter(what => what === 'missed')).toHaveLength(3)
  })

  it('a connection that swallows everything is given up, and another one is opened', async () => {
    const proxy: FaultProxy = await startFaultProxy({ target: db.database.runtimeUrl })
    open.push(proxy)
    let through = true
    const url = () => (through ? proxy.url(db.database.runtimeUrl) : db.database.runtimeUrl)
    const { of, until } = await listen(busOf(url, { heartbeat: 100 }))
    through = false
    proxy.rule({ on: 'frontend', message: 'Query', fault: 'hold' })
    await until(all => all.includes('missed'))
    const { id } = await create(db.registry)
    await until(() => of(id).length > 0)
  })

  it('what is not understood counts as missed, and a listener that throws goes on hearing', async () => {
    const bus = busOf(() => db.database.runtimeUrl)
    const { heard, until } = await listen(bus)
    let calls = 0
    await bus.subscribe({
      changed: () => {
        calls++
        throw new Error('broken')
      },
      missed: () => {
        calls++
        throw new Error('broken')
      },
    })
    for (const payload of ['', 'null', '{}', '[1]', '{"id":1}', '{"id":"x","version":1,"keys":[["name","x"]]}'])
      await db.sql('runtime', `select pg_notify(channel, $1) from tenantry.registry_meta`, [payload])
    await until(all => all.length === 6)
    expect(heard).toEqual(Array(6).fill('missed'))
    const { id } = await create(db.registry)
    await until(all => all.some(what => what !== 'missed' && what.id === id))
    while (calls < 7) await new Promise(setImmediate)
  })

  it('P11 no role but the registry’s can know the channel', async () => {
    const stranger = fresh('stranger').replace('-', '_')
    const name = `${db.database.name}_${stranger}`
    await db.sql('admin', `create role ${name}`)
    await expect(db.sql('admin', `set role ${name}; select channel from tenantry.registry_meta`)).rejects.toMatchObject(
      { code: '42501' },
    )
    await db.sql('admin', `reset role; drop role ${name}`)
    const [row] = await db.sql('owner', 'select channel from tenantry.registry_meta')
    expect(row?.channel).toMatch(/^tenantry_[0-9a-f]{32}$/)
  })

  it('a server that is not there at the start is told, and nothing is left open', async () => {
    const bus = busOf(() => 'postgres://nobody@127.0.0.1:1/nowhere')
    expect(await refusal(bus.subscribe({ changed: () => undefined, missed: () => undefined }))).toBe(
      'DATABASE_UNAVAILABLE',
    )
  })

  it('its end ends the connection, and nothing is heard behind it', async () => {
    const bus = busOf(() => db.database.runtimeUrl)
    const { heard, end } = await listen(bus)
    await end()
    await end()
    await create(db.registry)
    const text = `select count(*)::int from pg_stat_activity where query like 'listen %' and datname = current_database()`
    while (Number((await db.sql('admin', text))[0]?.count) > 0);
    expect(heard).toEqual([])
    await bus.close()
    expect(await refusal(bus.subscribe({ changed: () => undefined, missed: () => undefined }))).toBe('SCOPE_CLOSED')
  })
})

describePostgres(
  'changes of the registry',
  server => {
    const db = useRegistry(server)

    it('cannot be heard through a pooler, and that is told at the start', async () => {
      const bus = registryChanges({ connect: () => new pg.Client(db.database.runtimeUrl) })
      expect(await refusal(bus.subscribe({ changed: () => undefined, missed: () => undefined }))).toBe('CONFIG_INVALID')
    })

    it('the registry itself works through one', async () => {
      const registry = db.open({ namedStatements: server.namedStatements })
      const { id } = await create(registry, { domains: ['pooled.example'] })
      for (let n = 0; n < 10; n++)
        expect((await registry.find({ kind: 'domain', value: 'pooled.example' }))?.id).toBe(id)
      expect(await registry.verifyAudit()).toMatchObject({ ok: true })
    })
  },
  { through: ['pgbouncer'] },
)
