import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ask } from '../src/look-inside.ts'
import { build, type House, type Process } from './support.ts'

describePostgres('agents', server => {
  let house: House
  let app: Process
  beforeAll(async () => {
    house = await build(server)
    app = await house.boot()
    for (const [slug, region] of [
      ['acme', 'eu'],
      ['globex', 'eu'],
      ['initech', 'us'],
    ])
      await app.operator('POST', '/tenants', { slug, name: slug, region })
  })
  afterAll(() => house?.close())

  async function tokenOf(slug: string, label = 'a token') {
    const { body } = await app.operator('POST', `/tenants/${slug}/tokens`, { label })
    return body as { readonly id: string; readonly token: string }
  }
  const spy = { hostname: 'spy', platform: 'debian-13' }
  const invalid = { status: 401, body: { code: 'CREDENTIAL_INVALID' } }

  it('S34 a token for enrolling is shown once, kept as a digest, listed without itself, and can be revoked', async () => {
    const { id, token } = await tokenOf('acme', 'rollout')
    expect(token).toMatch(/^enrol_[0-9a-f-]{36}_[\w-]{43}$/)
    const list = await app.operator('GET', '/tenants/acme/tokens')
    expect(list.body).toEqual([{ id, kind: 'enrol', label: 'rollout', created: expect.any(String), revoked: null }])
    const stored = await ask(
      house.deployment.bootstrap.adminUrl,
      `select c::text as row, encode(digest, 'escape') as text from registry_credentials c`,
    )
    expect(JSON.stringify(stored)).not.toContain(token.slice(-43))
    // Another tenant cannot revoke it.
    expect(await app.operator('DELETE', `/tenants/globex/tokens/${id}`)).toMatchObject({ status: 400 })
    expect(await app.operator('DELETE', `/tenants/acme/tokens/${id}`)).toEqual({ status: 200, body: { revoked: id } })
    expect(await app.send('POST', '/agents', token, spy)).toMatchObject(invalid)
    expect((await app.operator('GET', '/tenants/acme/tokens')).body).toMatchObject([{ revoked: expect.any(String) }])
  })

  it('S01 S31 S36 S41 S43 what a host sends lands in the database of the tenant whose token it was enrolled with, and in no other', async () => {
    const credentials = new Map<string, string>()
    const all = [
      ['web-1', 'acme'],
      ['db-1', 'acme'],
      ['mail-1', 'globex'],
      ['edge-1', 'initech'],
    ] as const
    // At once, and more often than there are connections.
    await Promise.all(all.map(async ([host, slug]) => credentials.set(host, await app.enrol(slug, host))))
    const beats = Array.from({ length: 40 }, (_, index) => all[index % all.length] as (typeof all)[number])
    const answers = await Promise.all(
      beats.map(([host]) => app.send('POST', '/heartbeats', credentials.get(host), { load: 1 })),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    expect(await house.hosts(app)).toEqual(['eu/acme: db-1 web-1', 'eu/globex: mail-1', 'us/initech: edge-1'])
    for (const [host, seen] of [
      [
        'web-1',
        [
          ['db-1', 10],
          ['web-1', 10],
        ],
      ],
      ['mail-1', [['mail-1', 10]]],
      ['edge-1', [['edge-1', 10]]],
    ] as const) {
      const { body } = await app.send('GET', '/hosts', credentials.get(host))
      expect((body as { hostname: string; heartbeats: number }[]).map(row => [row.hostname, row.heartbeats])).toEqual(
        seen,
      )
    }
    const tenants = (await app.service.tenants?.list()) ?? []
    expect(new Set(tenants.map(({ placement }) => placement.database)).size).toBe(3)
    // Another process finds the tenant by the agent's credential alone.
    const other = await house.boot()
    expect(await other.send('GET', '/hosts', credentials.get('edge-1'))).toMatchObject({
      body: [{ hostname: 'edge-1', heartbeats: 10 }],
    })
  })

  it('a credential of one tenant is of no use at another', async () => {
    const { token } = await tokenOf('acme')
    const credential = await app.enrol('acme', 'honest')
    const before = await house.hosts(app)
    const globex = { 'x-tenant': 'globex' }
    for (const answer of [
      await app.send('POST', '/agents', token, spy, globex),
      await app.send('GET', '/hosts', credential, undefined, globex),
    ])
      expect(answer).toMatchObject({ status: 403, body: { code: 'TENANT_AMBIGUOUS' } })
    expect(await app.send('GET', '/hosts', credential, undefined, { 'x-tenant': 'acme' })).toMatchObject({
      status: 200,
    })
    expect(await app.send('GET', '/hosts', undefined, undefined, globex)).toMatchObject({
      status: 403,
      body: { code: 'TENANT_UNVERIFIED' },
    })
    expect(await house.hosts(app)).toEqual(before)
  })

  it('is refused what it is not for: a token for enrolling does not read, a credential does not enrol', async () => {
    const { token } = await tokenOf('acme')
    const credential = await app.enrol('acme', 'one')
    expect(await app.send('GET', '/hosts', token)).toMatchObject(invalid)
    expect(await app.send('POST', '/heartbeats', token, { load: 1 })).toMatchObject(invalid)
    expect(await app.send('POST', '/agents', credential, spy)).toMatchObject(invalid)
    const asAgent = token.replace(/^enrol/, 'agent')
    expect(await app.send('GET', '/hosts', asAgent)).toMatchObject(invalid)
    for (const bad of [`${token.slice(0, -1)}`, `${token.slice(0, -4)}AAAA`, 'enrol_', 'x'.repeat(500), "' or true --"])
      expect(await app.send('GET', '/hosts', bad)).toMatchObject(invalid)
  })

  it('S04 any of them reads shared data, and a platform that is not there is not enrolled', async () => {
    const credential = await app.enrol('initech', 'reads')
    const { body } = await app.send('GET', '/platforms', credential)
    expect((body as { id: string }[]).map(({ id }) => id)).toEqual(['debian-13', 'freebsd-15', 'windows-2025'])
    const { token } = await tokenOf('initech')
    expect(await app.send('POST', '/agents', token, { hostname: 'x', platform: 'beos' })).toMatchObject({
      status: 400,
      body: { code: 'INPUT_INVALID' },
    })
  })

  it('S44 a request whose tenant nobody knows is logged with its full context, and nothing is sent for it', async () => {
    const process = await house.boot()
    const before = house.messages()
    const logged = process.records.length
    expect(await process.send('GET', '/hosts?secret=1')).toMatchObject({
      status: 401,
      body: { code: 'TENANT_CREDENTIALS_REQUIRED' },
    })
    expect(house.messages()).toBe(before)
    expect(process.records.slice(logged)).toEqual([
      expect.objectContaining({
        ...{ level: 'warn', event: 'tenancy.refused', target: '/hosts', host: 'localhost', outcome: 'absent' },
        steps: [
          expect.objectContaining({ by: 'bearer credential' }),
          expect.objectContaining({ by: 'header x-tenant' }),
        ],
      }),
    ])
  })

  it('the server of one region that is gone is trouble for its tenants only', async () => {
    const [here, there] = [await app.enrol('acme', 'eu-1'), await app.enrol('initech', 'us-1')]
    await house.servers.us.down()
    expect(await app.send('GET', '/hosts', there)).toMatchObject({ status: 503 })
    expect(await app.send('GET', '/hosts', here)).toMatchObject({ status: 200 })
    await house.servers.us.up()
    expect(await app.send('GET', '/hosts', there)).toMatchObject({ status: 200 })
  })
})
