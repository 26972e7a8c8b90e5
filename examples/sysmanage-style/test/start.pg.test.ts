import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { login } from '../src/deployment.ts'
import { ask, lookInside } from '../src/look-inside.ts'
import type { Settings } from '../src/settings.ts'
import { sharedTables } from '../src/shared-tables.ts'
import { build, type House } from './support.ts'

describePostgres('the start', server => {
  let house: House
  beforeAll(async () => {
    house = await build(server)
  })
  afterAll(() => house?.close())

  const enabled = { enabled: true }
  const onOne = (change: object) => {
    const { eu, us } = house.settings.servers as Required<Settings>['servers']
    return { multitenancy: enabled, servers: { us: us as never, eu: { ...eu, ...change } as never } }
  }

  const lacking = [
    ['servers', () => ({ multitenancy: enabled, servers: {} }), 'servers: multitenancy is enabled, and there is none'],
    ['a source of credentials', () => onOne({ broker: undefined }), 'servers.eu.broker.user: is missing'],
    ['who makes databases', () => onOne({ provisioner: undefined }), 'servers.eu.provisioner.user: is missing'],
    ['who reads shared data', () => ({ multitenancy: enabled, shared: undefined }), 'shared.user: is missing'],
    [
      'the token of its vault',
      () => ({ vault: { url: 'https://bao.example', token: '' } }),
      'vault.token: must be a reference, env:NAME or file:/path',
    ],
  ] as const
  it.each(lacking)(
    'S10 multi-tenancy without %s is refused before anything is sent',
    async (_what, change, problem) => {
      const before = house.messages()
      const error = await house.refusedAtStart(change() as Partial<Settings>)
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
      expect(error.details?.problems).toContain(problem)
      expect(house.messages()).toBe(before)
      expect(await lookInside(house.deployment.admins)).toEqual([])
    },
  )

  it('S12 settings hold references to passwords, never one itself, and all that is wrong is told at once', async () => {
    const { registry } = house.settings
    const error = await house.refusedAtStart({
      registry: { ...registry, host: '', password: 'hunter2' },
      operator_key: 'hunter3',
      multitenancy: { self_service_provisioning: true },
    })
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      details: {
        problems: [
          'registry.host: is missing',
          'registry.password: must be a reference, env:NAME or file:/path',
          'operator_key: must be a reference, env:NAME or file:/path',
          'multitenancy.self_service_provisioning: needs multitenancy.enabled, which is off',
        ],
      },
    })
    expect(String(error)).not.toMatch(/hunter/)
  })

  it('S02 S11 S13 off, which is the default, all three partitions are in one database, and nothing else is asked', async () => {
    const { name, ownerUrl, adminUrl, drop } = await house.servers.bootstrap.freshDatabase()
    const registry = login(ownerUrl, 'OTHER_PASSWORD', house.deployment.env)
    const before = house.messages()
    const { registry: _, servers: __, multitenancy: ___, shared: ____, ...left } = house.settings
    const process = await house.boot({ ...left, registry, servers: {}, multitenancy: {} })
    expect([process.service.databases, process.service.tenants]).toEqual([undefined, undefined])
    const credential = await process.enrol('main', 'web-1')
    expect(await process.send('POST', '/heartbeats', credential, { load: 1 })).toMatchObject({ status: 201 })
    expect(await process.send('GET', '/hosts', credential)).toMatchObject({
      body: [{ hostname: 'web-1', platform: 'debian-13', heartbeats: 1 }],
    })
    expect(await process.operator('POST', '/tenants', { slug: 'acme', name: 'Acme', region: 'eu' })).toMatchObject({
      status: 403,
    })
    expect(await lookInside(house.deployment.admins)).toEqual([
      { server: 'bootstrap', database: name, hosts: ['web-1'], heartbeats: 1 },
    ])
    expect(await ask(adminUrl, 'select from registry_tenants')).toEqual([])
    // Neither the servers of tenants nor the other database of the registry.
    expect(house.messages()).toBe(before)
    await process.service.close()
    await drop()
  })

  it('S03 S23 the registry is read by the role that owns its database, which is no superuser, and by no other', async () => {
    await house.boot()
    const { adminUrl, ownerRole, runtimeRole } = house.deployment.bootstrap
    const rows = await ask(
      adminUrl,
      `select c.relname, pg_get_userbyid(c.relowner) as owner, has_table_privilege($1, c.oid, 'SELECT') as read,
              r.rolsuper or r.rolbypassrls as powerful
         from pg_class c join pg_roles r on r.oid = c.relowner where c.relkind = 'r' and c.relname ~ '^(registry|shared)_' order by 1`,
      [runtimeRole],
    )
    const row = (relname: string, read: boolean) => ({ relname, owner: ownerRole, read, powerful: false })
    expect(rows).toEqual([
      row('registry_credentials', false),
      row('registry_tenants', false),
      row('shared_platforms', true),
    ])
  })

  it('S05 reads shared data from a server of its own as soon as one is configured', async () => {
    const { ownerUrl, runtimeUrl, runtimeRole } = await house.servers.us.freshDatabase()
    await ask(ownerUrl, sharedTables(runtimeRole))
    await ask(ownerUrl, `insert into shared_platforms values ('plan9', 'Plan 9')`)
    const names: string[] = []
    for (const change of [{}, { shared: login(runtimeUrl, 'OTHER_PASSWORD', house.deployment.env) }]) {
      const process = await house.boot(change)
      const slug = `shared-${names.length}`
      await process.operator('POST', '/tenants', { slug, name: slug, region: 'eu' })
      const credential = await process.enrol(slug, 'web-1')
      const { body } = await process.send('GET', '/platforms', credential)
      names.push((body as { id: string }[]).map(({ id }) => id).join())
    }
    expect(names).toEqual(['debian-13,freebsd-15,windows-2025', 'debian-13,freebsd-15,plan9,windows-2025'])
  })

  it('leaves nothing unsafe behind', async () => {
    const { service } = await house.boot()
    expect((await service.databases?.verify())?.filter(({ severity }) => severity === 'error')).toEqual([])
  })
})
