import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ask, liveLogins, lookInside } from '../src/look-inside.ts'
import { build, type House, type Process } from './support.ts'

describePostgres('the life of tenants', server => {
  let house: House
  let app: Process
  beforeAll(async () => {
    house = await build(server)
    app = await house.boot()
  })
  afterAll(() => house?.close())

  const create = (slug: string, where: object, process = app) =>
    process.operator('POST', '/tenants', { slug, name: slug, ...where })
  const placementOf = async (slug: string) => (await app.service.tenants?.find(slug))?.placement

  it('S14 are not made over the API unless that is switched on, but by the operator’s own tools', async () => {
    const process = await house.boot({ multitenancy: { enabled: true } })
    expect(await create('shy', { region: 'eu' }, process)).toEqual({
      status: 403,
      body: { title: 'Self-service provisioning is off.', code: 'SELF_SERVICE_OFF' },
    })
    expect(await process.operator('DELETE', '/tenants/shy')).toMatchObject({ status: 403 })
    expect(await process.operator('GET', '/tenants')).toEqual({ status: 200, body: [] })
    await process.service.tenants?.create({ slug: 'shy', name: 'Shy', region: 'eu' })
    expect(await process.operator('GET', '/tenants')).toMatchObject({ body: [{ slug: 'shy', status: 'active' }] })
    await process.service.tenants?.erase('shy')
  })

  it.each([undefined, 'wrong'])('the operator’s API refuses the key %s', async key => {
    expect(await app.send('GET', '/operator/tenants', key)).toMatchObject({
      status: 401,
      body: { code: 'CREDENTIAL_INVALID' },
    })
  })

  it('S18 S20 one call makes a database, its owner and logins that work; by a role without power over others', async () => {
    expect(await create('acme', { region: 'eu' })).toMatchObject({ status: 201, body: { status: 'active' } })
    await app.enrol('acme', 'web-1')
    const { database } = (await placementOf('acme')) ?? {}
    const [row] = await ask(
      house.deployment.admins.eu,
      `select pg_get_userbyid(datdba) as owner, (select concat(rolsuper, rolcreatedb, rolcreaterole) from pg_roles where rolname = 'tenants_provisioner') as powers
         from pg_database where datname = $1`,
      [database],
    )
    expect(row).toEqual({ owner: database, powers: 'ftt' })
    expect(await liveLogins(house.deployment.admins.eu, database ?? '')).toBe(1)
  })

  it('S07 S32 live where their region or their jurisdiction says, which is stored and not computed again', async () => {
    for (const [slug, where, at] of [
      ['of-eu', { region: 'eu' }, 'eu'],
      ['of-us', { region: 'us' }, 'us'],
      ['of-us-law', { jurisdiction: 'US' }, 'us'],
    ] as const) {
      expect(await create(slug, where)).toMatchObject({ body: { placement: { server: at, region: at } } })
      await app.enrol(slug, slug)
      expect(await house.hosts(app)).toContain(`${at}/${slug}: ${slug}`)
    }
    // With other regions the same tenants are found where they are.
    const { eu, us } = house.settings.servers ?? {}
    const servers = { eu: { ...eu, region: 'us' } as never, us: { ...us, region: 'eu' } as never }
    const other = await house.boot({ servers })
    await other.enrol('of-eu', 'second')
    expect(await house.hosts(app)).toContain('eu/of-eu: of-eu second')
  })

  it.each([{}, { region: 'mars' }, { region: 'eu', jurisdiction: 'US' }])(
    'S32 are never placed by guess: %j',
    async where => {
      expect(await create('nowhere', where)).toMatchObject({ status: 400, body: { code: 'INPUT_INVALID' } })
      expect(await app.service.tenants?.find('nowhere').catch(({ code }) => code)).toBe('TENANT_NOT_FOUND')
    },
  )

  it('one that was given up half-way is finished by the same call, where it was placed', async () => {
    await house.servers.us.down()
    expect(await create('late', { region: 'us' })).toMatchObject({ status: 503 })
    expect(await app.operator('GET', '/tenants')).toMatchObject({
      body: expect.arrayContaining([expect.objectContaining({ slug: 'late', status: 'provisioning' })]),
    })
    await house.servers.us.up()
    expect(await create('late', { region: 'eu' })).toMatchObject({
      status: 201,
      body: { status: 'active', placement: { server: 'us' } },
    })
    expect(await create('late', { region: 'us' })).toMatchObject({ status: 409, body: { code: 'TENANT_EXISTS' } })
  })

  it('a suspended one is refused, its logins are gone, and others go on; the registry holds no password', async () => {
    const [mine, other] = await Promise.all(
      ['sleepy', 'awake'].map(async slug => {
        await create(slug, { region: 'eu' })
        return app.enrol(slug, slug)
      }),
    )
    const { database = '' } = (await placementOf('sleepy')) ?? {}
    const beat = (credential: string | undefined) => app.send('POST', '/heartbeats', credential, { load: 1 })
    expect(await liveLogins(house.deployment.admins.eu, database)).toBe(1)
    expect(await app.operator('POST', '/tenants/sleepy/suspend')).toMatchObject({ body: { status: 'suspended' } })
    expect(await liveLogins(house.deployment.admins.eu, database)).toBe(0)
    expect(await beat(mine)).toMatchObject({ status: 403, body: { code: 'TENANT_SUSPENDED' } })
    expect(await beat(other)).toMatchObject({ status: 201 })
    expect(await app.operator('POST', '/tenants/sleepy/resume')).toMatchObject({ body: { status: 'active' } })
    expect(await beat(mine)).toMatchObject({ status: 201 })
    const rows = await ask(house.deployment.bootstrap.adminUrl, 'select t.* from registry_tenants t')
    expect(JSON.stringify(rows)).not.toMatch(/passw|secret|_login/i)
  })

  it('a placement in the database of another serves nothing, not even where somebody has let it in', async () => {
    const [here, there] = await Promise.all(
      ['mine', 'theirs'].map(async slug => {
        await create(slug, { region: 'eu' })
        await app.enrol(slug, `host-of-${slug}`)
        return placementOf(slug)
      }),
    )
    const credential = await app.enrol('mine', 'asks')
    const wrong = { ...here, database: there?.database, epoch: '2' }
    await ask(
      house.deployment.bootstrap.adminUrl,
      `update registry_tenants set placement = $1, version = version + 1 where slug = 'mine'`,
      [wrong],
    )
    const before = await house.hosts(app)
    // Its login may not connect there, as that of a suspended tenant may nowhere.
    expect(await app.send('GET', '/hosts', credential)).toMatchObject({ body: { code: 'TENANT_SUSPENDED' } })
    await ask(house.deployment.admins.eu, `grant connect on database ${there?.database} to ${here?.database}`)
    for (const [method, path, body] of [
      ['GET', '/hosts', undefined],
      ['POST', '/heartbeats', { load: 1 }],
    ] as const)
      expect(await app.send(method, path, credential, body)).toMatchObject({
        status: 500,
        body: { code: 'IDENTITY_MISMATCH' },
      })
    expect(await house.hosts(app)).toEqual(before)
    await ask(house.deployment.admins.eu, `revoke connect on database ${there?.database} from ${here?.database}`)
  })

  it('are erased with all that they had, and the report says what that was', async () => {
    await create('gone', { region: 'us' })
    const credential = await app.enrol('gone', 'last')
    await app.send('POST', '/heartbeats', credential, { load: 1 })
    const { database } = (await placementOf('gone')) ?? {}
    expect(await app.operator('DELETE', '/tenants/gone')).toMatchObject({
      status: 200,
      body: {
        erased: [
          { kind: 'table', name: 'public.heartbeats', count: 1 },
          { kind: 'table', name: 'public.hosts', count: 1 },
          { kind: 'database', name: database, count: 1 },
          { kind: 'role', name: database, count: 1 },
          { kind: 'credentials', name: 'registry_credentials', count: 2 },
        ],
      },
    })
    expect((await lookInside(house.deployment.admins)).map(({ database: name }) => name)).not.toContain(database)
    expect(await ask(house.deployment.admins.us, 'select from pg_roles where rolname = $1', [database])).toEqual([])
    expect(await app.send('GET', '/hosts', credential)).toMatchObject({ body: { code: 'CREDENTIAL_INVALID' } })
    expect(await app.operator('DELETE', '/tenants/gone')).toMatchObject({ status: 404 })
  })
})
