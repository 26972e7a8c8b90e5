import { inspect } from 'node:util'
import { type CredentialSource, secret } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { type OpenbaoOptions, openbaoLeases } from '../src/index.ts'
import { type Administration, administer } from './admin.ts'
import { type TenantLogins, tenantLogins } from './tenant-logins.ts'
import { type UsedOpenbao, whichOpenbao } from './which-openbao.ts'

const available = await whichOpenbao()

describePostgres(`openbaoLeases, against ${available.title}`, pg => {
  let logins: TenantLogins
  let openbao: UsedOpenbao
  let admin: Administration

  beforeAll(async () => {
    logins = await tenantLogins(pg)
    openbao = await available.start(logins.port)
    admin = await administer(openbao.address, openbao.rootToken)
  }, 120_000)
  afterAll(async () => {
    await admin?.close()
    await openbao?.stop()
    await logins?.close()
  })

  function open(auth: OpenbaoOptions['auth'], more: Partial<OpenbaoOptions> = {}, by = admin): CredentialSource {
    const source = openbaoLeases({
      ...{ address: openbao.address, allowInsecure: openbao.address.startsWith('http:'), auth },
      ...{ mount: by.mount, prefix: by.prefix, lifetime: 60_000, maxLifetime: 120_000 },
      servers: {
        main: { ...openbao.reach(logins.host, logins.port), ...logins.broker, sslmode: 'disable' },
      },
      ...more,
    })
    onTestFinished(() => source.close?.())
    return source
  }
  const acme = () => logins.target('acme')
  const globex = () => logins.target('globex')
  async function enrolled(more: Partial<OpenbaoOptions> = {}) {
    const source = open({ token: await admin.token() }, more)
    await source.enrol?.(acme())
    await source.enrol?.(globex())
    return source
  }

  it('is ready', async () => {
    await expect(open({ token: await admin.token() }).ready?.()).resolves.toBeUndefined()
    await expect(open(await admin.appRole()).ready?.()).resolves.toBeUndefined()
  })

  it('tells the role that makes logins, where it is known', async () => {
    const { username } = logins.broker
    const source = open(
      { token: await admin.token() },
      { servers: { made: { connection: 'made' }, known: { connection: 'known', broker: username } } },
    )
    expect([await source.broker?.('made'), await source.broker?.('known')]).toEqual([undefined, username])
    expect(await open({ token: await admin.token() }).broker?.('main')).toBe(username)
    await expect(source.broker?.('other')).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED' })
  })

  it('S24 issues a login that is the owner of its tenant, and nobody else', async () => {
    const source = await enrolled()
    const before = Date.now()
    const credentials = await source.issue(acme())
    expect(credentials.expiresAt).toBeGreaterThanOrEqual(before + 60_000)
    expect(credentials.expiresAt).toBeLessThanOrEqual(Date.now() + 60_000)
    const client = await logins.logIn(credentials)
    onTestFinished(() => client.end())
    const { rows } = await client.query('select current_user as is, session_user as by')
    expect(rows).toEqual([{ is: acme().owner, by: credentials.username }])
    await client.query('create table acme.notes (id int)')
    await expect(client.query('create table globex.notes (id int)')).rejects.toMatchObject({ code: '42501' })
    await expect(client.query(`set role ${globex().owner}`)).rejects.toMatchObject({ code: '42501' })
    const owners = await client.query(`select tableowner as owner from pg_tables where schemaname = 'acme'`)
    expect(owners.rows).toEqual([{ owner: acme().owner }])
    // OpenBAO may give it a few seconds more than the lease, which it ends itself.
    const until = await logins.admin.query('select rolvaliduntil as until from pg_roles where rolname = $1', [
      credentials.username,
    ])
    expect(Math.abs(until.rows[0].until.getTime() - (credentials.expiresAt ?? 0))).toBeLessThan(10_000)
  })

  it('issues one login for each call, also all at once', async () => {
    const source = await enrolled()
    const all = await Promise.all(Array.from({ length: 6 }, () => source.issue(acme())))
    expect(new Set(all.map(({ username }) => username)).size).toBe(6)
    for (const credentials of all) expect(await logins.admits(credentials)).toBe(true)
  })

  it('renews a lease, and leaves one that has ended or come to its maximum to be replaced', async () => {
    const source = await enrolled({ lifetime: 3_000, maxLifetime: 5_000 })
    const credentials = await source.issue(acme())
    await new Promise(resolve => setTimeout(resolve, 1_500))
    const renewed = await source.renew?.(credentials, acme())
    expect(renewed).toMatchObject({ username: credentials.username, lease: credentials.lease })
    expect(renewed?.expiresAt).toBeGreaterThan(credentials.expiresAt ?? 0)
    await new Promise(resolve => setTimeout(resolve, 1_900))
    // Past its first end, within its second.
    expect(await logins.admits(credentials)).toBe(true)
    const last = await source.renew?.(renewed ?? credentials, acme())
    expect((last ?? renewed)?.expiresAt).toBeLessThanOrEqual((credentials.expiresAt ?? 0) + 3_000)
    expect(await logins.isGone(credentials)).toBe(true)
    expect(await source.renew?.(credentials, acme())).toBeUndefined()
  })

  it('S24 lets a lease end by itself, with its sessions', async () => {
    const source = await enrolled({ lifetime: 2_000, maxLifetime: 2_000 })
    const credentials = await source.issue(acme())
    const session = await logins.logIn(credentials)
    const ended = new Promise(resolve => session.once('end', resolve))
    await ended
    expect(Date.now()).toBeGreaterThanOrEqual((credentials.expiresAt ?? 0) - 1_000)
    expect(await logins.isGone(credentials)).toBe(true)
  })

  it('revokes one lease: login and sessions are gone once it resolves', async () => {
    const source = await enrolled()
    const [credentials, other] = await Promise.all([source.issue(acme()), source.issue(acme())])
    const session = await logins.logIn(credentials)
    await source.revoke?.(credentials, acme())
    expect(await logins.admits(credentials)).toBe(false)
    await expect(session.query('select 1')).rejects.toThrow()
    const { rows } = await logins.admin.query('select 1 from pg_roles where rolname = $1', [credentials.username])
    expect(rows).toEqual([])
    expect(await logins.admits(other)).toBe(true)
    await expect(source.revoke?.(credentials, acme())).resolves.toBeUndefined()
  })

  it('ends a login that cannot be dropped, because its tenant has given it something', async () => {
    const source = await enrolled()
    const credentials = await source.issue(acme())
    const session = await logins.logIn(credentials)
    await session.query(`grant usage on schema acme to "${credentials.username}"`)
    await source.revoke?.(credentials, acme())
    expect(await logins.admits(credentials)).toBe(false)
    await expect(session.query('select 1')).rejects.toThrow()
  })

  it('revokes all leases of a tenant, and none of another', async () => {
    const source = await enrolled()
    const mine = await Promise.all([source.issue(acme()), source.issue(acme())])
    const other = await source.issue(globex())
    // Those of other processes, too.
    await (await enrolled()).revokeAll?.(acme())
    for (const credentials of mine) expect(await logins.admits(credentials)).toBe(false)
    expect(await logins.admits(other)).toBe(true)
    await expect(source.issue(acme())).resolves.toBeDefined()
  })

  it("touches no other tenant's lease", async () => {
    const source = await enrolled()
    const credentials = await source.issue(acme())
    await expect(source.revoke?.(credentials, globex())).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    await expect(source.renew?.(credentials, globex())).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
    expect(await logins.admits(credentials)).toBe(true)
  })

  it('withdraws a tenant: no login is left, and none is issued', async () => {
    const source = await enrolled()
    const credentials = await source.issue(acme())
    await source.withdraw?.(acme())
    expect(await logins.admits(credentials)).toBe(false)
    await expect(source.issue(acme())).rejects.toMatchObject({
      code: 'CREDENTIALS_REFUSED',
      message: expect.stringContaining('the tenant is not enrolled'),
    })
    await expect(source.withdraw?.(acme())).resolves.toBeUndefined()
    await expect(source.issue(globex())).resolves.toBeDefined()
  })

  it('enrols twice, and takes a connection that the operator has made', async () => {
    const source = await enrolled()
    const credentials = await source.issue(acme())
    await source.enrol?.(acme())
    expect(await logins.admits(credentials)).toBe(true)
    const byName = open({ token: await admin.token() }, { servers: { main: { connection: `${admin.prefix}.main` } } })
    await byName.enrol?.(acme())
    expect(await logins.admits(await byName.issue(acme()))).toBe(true)
  })

  it('refuses what it is not allowed, naming the path and no token', async () => {
    const token = await admin.token({ policy: 'default' })
    const source = open({ token })
    const refusal = await source.issue(acme()).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'CREDENTIALS_REFUSED' })
    expect(String(refusal)).toContain(`${admin.mount}/creds/${admin.prefix}.main.acme`)
    expect(inspect(refusal, { depth: 9 })).not.toContain(token.reveal())
  })

  it('refuses a token and a secret id that OpenBAO does not know', async () => {
    const unknown = open({ token: secret('s.nobody') })
    await expect(unknown.issue(acme())).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED' })
    const { roleId, mount } = await admin.appRole()
    const wrong = open({ roleId, secretId: secret('wrong'), mount })
    await expect(wrong.ready?.()).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED' })
  })

  it('refuses a server that it does not know, and a connection that OpenBAO cannot make', async () => {
    const source = await enrolled()
    await expect(source.enrol?.({ ...acme(), server: 'elsewhere' })).rejects.toMatchObject({
      code: 'CREDENTIALS_REFUSED',
    })
    const reached = openbao.reach(logins.host, logins.port)
    const wrong = { ...reached, ...logins.broker, password: secret('wrong'), sslmode: 'disable' as const }
    const other = open({ token: await admin.token() }, { servers: { other: wrong } })
    await expect(other.enrol?.({ ...acme(), server: 'other' })).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED' })
  })

  it('keeps its token alive beyond its first life', async () => {
    const source = open(await admin.appRole({ ttl: '3s', maxTtl: '60s' }))
    await source.enrol?.(acme())
    const credentials = await source.issue(acme())
    await new Promise(resolve => setTimeout(resolve, 4_500))
    // The lease of a token that had ended would be gone.
    expect(await logins.admits(credentials)).toBe(true)
    await expect(source.issue(acme())).resolves.toBeDefined()
  })

  it('logs in again before its token comes to its maximum, and replaces what the old one has issued', async () => {
    const source = open(await admin.appRole({ ttl: '3s', maxTtl: '4s' }))
    await source.enrol?.(acme())
    const old = await source.issue(acme())
    expect(old.expiresAt).toBeLessThanOrEqual(Date.now() + 4_000)
    await new Promise(resolve => setTimeout(resolve, 3_000))
    expect(await source.renew?.(old, acme())).toBeUndefined()
    const fresh = await source.issue(acme())
    await new Promise(resolve => setTimeout(resolve, 1_500))
    expect(await logins.isGone(old)).toBe(true)
    expect(await logins.admits(fresh)).toBe(true)
  })

  it('logs in again when its token was revoked', async () => {
    const source = open(await admin.appRole())
    await source.enrol?.(acme())
    const first = await source.issue(acme())
    // The operator ends every token of the method.
    await admin.request('POST', `sys/leases/revoke-prefix/auth/${admin.appRoleMount}/login`, { sync: true })
    expect(await logins.isGone(first)).toBe(true)
    const all = await Promise.all([source.issue(acme()), source.issue(acme())])
    for (const credentials of all) expect(await logins.admits(credentials)).toBe(true)
  })

  it('refuses when the token that was given has been revoked', async () => {
    const token = await admin.token()
    const source = open({ token })
    await source.enrol?.(acme())
    await admin.request('POST', 'auth/token/revoke', { token: token.reveal() })
    await expect(source.issue(acme())).rejects.toMatchObject({
      code: 'CREDENTIALS_REFUSED',
      message: expect.stringContaining('expired or revoked'),
    })
  })

  it('gives its token back when it is closed, and a token that was given stays', async () => {
    const byRole = open(await admin.appRole())
    await byRole.enrol?.(acme())
    const ended = await byRole.issue(acme())
    await byRole.close?.()
    await byRole.close?.()
    expect(await logins.isGone(ended)).toBe(true)
    await expect(byRole.issue(acme())).rejects.toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE' })
    const byToken = open({ token: await admin.token() })
    const stays = await byToken.issue(acme())
    await byToken.close?.()
    expect(await logins.admits(stays)).toBe(true)
  })

  it('works in a namespace', async ctx => {
    const namespace = `ns-${admin.prefix}`
    const made = await admin.request('POST', `sys/namespaces/${namespace}`).then(
      () => true,
      () => false,
    )
    if (!made) ctx.skip('this server has no namespaces')
    onTestFinished(async () => {
      await admin.request('DELETE', `sys/namespaces/${namespace}`)
    })
    const inside = await administer(openbao.address, openbao.rootToken, namespace)
    const source = open(await inside.appRole(), { namespace }, inside)
    await source.ready?.()
    await source.enrol?.(acme())
    const credentials = await source.issue(acme())
    expect(await logins.admits(credentials)).toBe(true)
    await source.renew?.(credentials, acme())
    await source.withdraw?.(acme())
    expect(await logins.admits(credentials)).toBe(false)
    await inside.close()
  })

  it('shows no secret, however it is looked at', async () => {
    const auth = await admin.appRole()
    const source = open(auth)
    await source.enrol?.(acme())
    const credentials = await source.issue(acme())
    const secrets = [auth.secretId.reveal(), credentials.password.reveal(), logins.broker.password.reveal()]
    for (const shown of [inspect([source, credentials], { depth: 9, showHidden: true }), JSON.stringify(credentials)]) {
      for (const text of secrets) expect(shown).not.toContain(text)
    }
  })
})
