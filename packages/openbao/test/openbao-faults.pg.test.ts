import { inspect } from 'node:util'
import { type CredentialSource, type Logger, secret } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from 'vitest'
import { type OpenbaoOptions, openbaoLeases } from '../src/index.ts'
import { type Administration, administer } from './admin.ts'
import { answers, hangs, resets } from './openbao-double/faults.ts'
import { type OpenbaoDouble, startOpenbaoDouble } from './openbao-double/start-openbao-double.ts'
import { type TenantLogins, tenantLogins } from './tenant-logins.ts'

describePostgres('openbaoLeases, faults of a double of the HTTP API', pg => {
  let logins: TenantLogins
  let double: OpenbaoDouble
  let admin: Administration

  beforeAll(async () => {
    logins = await tenantLogins(pg)
    double = await startOpenbaoDouble()
    admin = await administer(double.address, double.rootToken)
    await (await open()).enrol?.(acme())
  })
  afterEach(async () => {
    for (const source of opened.splice(0)) await source.close?.()
    double.faults.clear()
    double.health = 200
    double.seen.length = 0
  })
  afterAll(async () => {
    await admin?.close()
    await double?.close()
    await logins?.close()
  })

  const acme = () => logins.target('acme')
  const opened: CredentialSource[] = []
  const warnings: object[] = []
  const logger: Logger = {
    ...{ debug: () => undefined, info: () => undefined, error: () => undefined },
    warn: (details, message) => void warnings.push({ ...details, message }),
  }
  async function open(more: Partial<OpenbaoOptions> = {}) {
    const { host, port, broker } = logins
    const source = openbaoLeases({
      ...{ address: double.address, allowInsecure: true, auth: { token: await admin.token() }, logger },
      ...{ mount: admin.mount, prefix: admin.prefix, lifetime: 60_000, maxLifetime: 120_000, timeout: 1_000 },
      servers: { main: { host, port, ...broker, sslmode: 'disable' } },
      ...more,
    })
    opened.push(source)
    return source
  }
  const asked = (place: RegExp) => double.seen.filter(request => place.test(request.place)).length
  const unavailable = (reason: string | RegExp) => ({
    code: 'CREDENTIALS_UNAVAILABLE',
    message: typeof reason === 'string' ? expect.stringContaining(reason) : expect.stringMatching(reason),
  })

  it.each([
    [503, 'it is sealed'],
    [501, 'it is not initialised'],
    [472, 'a secondary for disaster recovery'],
    [474, 'cannot reach the active node'],
    [530, 'removed from its cluster'],
    [418, 'sys/health answers 418'],
  ])('is not ready when sys/health answers %i: %s', async (health, reason) => {
    const source = await open()
    double.health = health
    await expect(source.ready?.()).rejects.toMatchObject(unavailable(reason))
  })

  it.each([429, 473])('is ready when sys/health answers %i: a standby forwards', async health => {
    double.health = health
    await expect((await open()).ready?.()).resolves.toBeUndefined()
  })

  it('says of a call that it is sealed, and goes on when it is unsealed', async () => {
    const source = await open()
    const credentials = await source.issue(acme())
    double.health = 503
    await expect(source.renew?.(credentials, acme())).rejects.toMatchObject(unavailable('it is sealed'))
    await expect(source.issue(acme())).rejects.toMatchObject(unavailable('it is sealed'))
    double.health = 200
    await expect(source.renew?.(credentials, acme())).resolves.toMatchObject({ lease: credentials.lease })
  })

  it('asks sys/health outside of the namespace and without a token', async () => {
    await (await open({ namespace: 'nowhere' })).ready?.().catch(() => undefined)
    expect(double.seen.find(({ place }) => place === 'GET sys/health')).toEqual({
      ...{ place: 'GET sys/health', token: undefined, namespace: undefined },
    })
    expect(double.seen.find(({ place }) => place.includes('lookup-self'))?.namespace).toBe('nowhere')
  })

  it.each([
    ['500', answers(500)],
    ['a cut connection', resets],
    ['an error page of a proxy', answers(502, '<html>')],
  ])('repeats what may be repeated after %s', async (_, fault) => {
    const source = await open()
    const credentials = await source.issue(acme())
    double.faults.on(/^POST sys\/leases\/renew/, fault, 2)
    await expect(source.renew?.(credentials, acme())).resolves.toMatchObject({ lease: credentials.lease })
    double.faults.on(/^POST sys\/leases\/revoke/, fault, 9)
    await expect(source.revoke?.(credentials, acme())).rejects.toMatchObject(unavailable('POST sys/leases/revoke'))
    expect(asked(/^POST sys\/leases\/revoke/)).toBe(4)
  })

  it.each([
    ['500', answers(500), 'it answers 500'],
    ['a cut connection', resets, /UND_ERR_SOCKET|ECONNRESET/],
    ['silence', hangs, 'no answer within 1000 ms'],
  ])('issues once only, as it may have been done: %s', async (_, fault, reason) => {
    const source = await open()
    await source.ready?.()
    double.faults.on(/creds/, fault)
    await expect(source.issue(acme())).rejects.toMatchObject(unavailable(reason))
    expect(asked(/creds/)).toBe(1)
  })

  it.each([
    ['429', answers(429)],
    ['412, a node that lags behind', answers(412)],
    ['429 with Retry-After', answers(429, {}, { 'retry-after': '1' })],
  ])('issues again after what was refused undone: %s', async (_, fault) => {
    const source = await open()
    double.faults.on(/creds/, fault, 2)
    await expect(source.issue(acme())).resolves.toBeDefined()
  })

  it('waits as Retry-After says, and does not wait for long', async () => {
    const source = await open()
    await source.ready?.()
    const begun = performance.now()
    double.faults.on(/creds/, answers(429, {}, { 'retry-after': '1' }))
    await source.issue(acme())
    expect(performance.now() - begun).toBeGreaterThanOrEqual(990)
    double.faults.on(/creds/, answers(429, {}, { 'retry-after': '60' }))
    await expect(source.issue(acme())).rejects.toMatchObject(unavailable('it answers 429'))
    double.faults.on(/creds/, answers(429), 9)
    await expect(source.issue(acme())).rejects.toMatchObject(unavailable('it answers 429'))
    expect(asked(/creds/)).toBe(2 + 1 + 4)
  })

  it('is unavailable where nothing listens', async () => {
    const gone = await startOpenbaoDouble()
    await gone.close()
    const source = await open({ address: gone.address })
    await expect(source.ready?.()).rejects.toMatchObject(unavailable('ECONNREFUSED'))
    await expect(source.issue(acme())).rejects.toMatchObject(unavailable('ECONNREFUSED'))
  })

  const issued = { lease_id: 'x/creds/y/z', lease_duration: 60, data: { username: 'u', password: 'hunter2' } }
  it.each([
    ['no JSON', 'hunter2 {', 'the answer is not JSON'],
    ['no lease', { ...issued, lease_id: undefined }, 'the answer has no lease_id'],
    ['no duration', { ...issued, lease_duration: '60' }, 'the answer has no lease_duration'],
    ['no user', { ...issued, data: { password: 'hunter2' } }, 'the answer has no data.username'],
    ['no password', { ...issued, data: { username: 'hunter2', password: 7 } }, 'the answer has no data.password'],
    ['a list', ['hunter2'], 'the answer has no lease_id'],
    ['too much', { ...issued, padding: 'hunter2'.repeat(20_000) }, 'the answer is too long'],
  ])('is unavailable when it is answered %s, and does not quote it', async (_, body, reason) => {
    const source = await open()
    double.faults.on(/creds/, answers(200, body))
    const error = await source.issue(acme()).catch((caught: unknown) => caught)
    expect(error).toMatchObject(unavailable(reason))
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2')
  })

  it('sends its token to the nodes that were named, and to no other host', async () => {
    const active = await startOpenbaoDouble()
    onTestFinished(() => active.close())
    const location = `${active.address}/v1/somewhere/else`
    const stranger = await open()
    await stranger.ready?.()
    double.faults.on(/creds/, answers(307, '', { location }), 4)
    await expect(stranger.issue(acme())).rejects.toMatchObject(unavailable('`nodes` does not name'))
    expect(active.seen).toEqual([])

    const member = await open({ nodes: [active.address] })
    await member.ready?.()
    double.faults.on(/creds/, answers(307, '', { location }))
    active.faults.on(/creds/, answers(200, issued))
    await expect(member.issue(acme())).resolves.toMatchObject({ username: 'u' })
    // The path is its own, not the answer's.
    expect(active.seen.map(({ place }) => place)).toEqual([`GET ${admin.mount}/creds/${admin.prefix}.main.acme`])
  })

  it('does not go in circles', async () => {
    const source = await open()
    await source.ready?.()
    double.faults.on(/creds/, answers(307, '', { location: `${double.address}/v1/x` }), 99)
    await expect(source.issue(acme())).rejects.toMatchObject(unavailable('redirects twice'))
  })

  it('logs in once for all that find the token gone, and not for what a policy forbids', async () => {
    const source = await open({ auth: await admin.appRole() })
    await source.issue(acme())
    const token = double.seen.at(-1)?.token ?? ''
    double.seen.length = 0
    double.faults.on(/creds/, answers(403))
    await expect(source.issue(acme())).rejects.toMatchObject({
      code: 'CREDENTIALS_REFUSED',
      message: expect.stringContaining('no policy of the token allows it'),
    })
    expect(asked(/login$/)).toBe(0)
    await admin.request('POST', 'auth/token/revoke', { token })
    await Promise.all(Array.from({ length: 5 }, () => source.issue(acme())))
    expect(asked(/login$/)).toBe(1)
  })

  it('refuses after one new login when it stays 403', async () => {
    const source = await open({ auth: await admin.appRole() })
    await source.issue(acme())
    double.seen.length = 0
    double.faults.on(/creds|lookup-self/, answers(403), 99)
    await expect(source.issue(acme())).rejects.toMatchObject({
      code: 'CREDENTIALS_REFUSED',
      message: expect.stringContaining('also after a new login'),
    })
    expect([asked(/creds/), asked(/login$/)]).toEqual([2, 1])
  })

  it('reports a renewal of its token that fails, and renews it later', async () => {
    const source = await open({ auth: await admin.appRole({ ttl: '4s' }) })
    const credentials = await source.issue(acme())
    warnings.length = 0
    double.faults.on(/renew-self/, answers(500), 4)
    await new Promise(resolve => setTimeout(resolve, 5_000))
    expect(warnings).toEqual([expect.objectContaining({ message: 'The token of OpenBAO could not be renewed.' })])
    expect(await logins.admits(credentials)).toBe(true)
    expect(asked(/login$/)).toBe(1)
  })

  it('closes though it cannot give its token back', async () => {
    const source = await open({ auth: await admin.appRole() })
    await source.ready?.()
    warnings.length = 0
    double.faults.on(/revoke-self/, answers(500), 9)
    await expect(source.close?.()).resolves.toBeUndefined()
    expect(warnings).toEqual([expect.objectContaining({ source: 'openbao-leases' })])
  })

  it('does not write the connection anew for every tenant', async () => {
    const source = await open()
    await source.enrol?.(acme())
    await source.enrol?.(logins.target('globex'))
    expect(asked(/^POST .*\/config\//)).toBe(0)
    const { host, port, broker } = logins
    const changed = await open({
      servers: { main: { host, port, ...broker, sslmode: 'disable', database: 'nowhere' } },
    })
    await expect(changed.enrol?.(acme())).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED' })
    expect(asked(/^POST .*\/config\//)).toBe(1)
  })

  it('reports a revocation that Postgres did not do', async () => {
    const source = await open()
    const credentials = await source.issue(acme())
    await logins.admin.query(`alter role "${logins.broker.username}" nologin`)
    onTestFinished(() => void logins.admin.query(`alter role "${logins.broker.username}" login`))
    await expect(source.revoke?.(credentials, acme())).rejects.toMatchObject(unavailable('the lease is not revoked'))
    await logins.admin.query(`alter role "${logins.broker.username}" login`)
    await source.revoke?.(credentials, acme())
    expect(await logins.admits(credentials)).toBe(false)
  })

  it('takes a token that has no end, and says when one that was given ends', async () => {
    const endless = await open({ auth: { token: secret(double.rootToken) } })
    const { expiresAt } = await endless.issue(acme())
    expect(expiresAt).toBeGreaterThan(Date.now() + 55_000)
    expect(asked(/renew-self/)).toBe(0)
    const ending = await open({ auth: { token: await admin.token({ ttl: '2s', renewable: false }) } })
    const brief = await ending.issue(acme())
    // A lease goes with its token.
    expect(brief.expiresAt).toBeLessThanOrEqual(Date.now() + 2_000)
    warnings.length = 0
    await new Promise(resolve => setTimeout(resolve, 2_500))
    expect(warnings).toEqual([expect.objectContaining({ message: 'The token of OpenBAO ends, and is not renewed.' })])
    expect(await logins.isGone(brief)).toBe(true)
    await expect(ending.issue(acme())).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED' })
  })

  it('never lets a secret into an error', async () => {
    const auth = { token: secret('s.hunter2') }
    const source = await open({ auth, fetch: () => Promise.reject(new TypeError('"s.hunter2" is no header value')) })
    const error = await source.issue(acme()).catch((caught: unknown) => caught)
    expect(error).toMatchObject(unavailable('the connection failed'))
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2')
  })
})
