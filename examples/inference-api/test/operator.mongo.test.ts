import { expect, it } from 'vitest'
import { readable } from '../src/memory-logger.ts'
import { bearer, describeStores, problemIn, run, some } from './support.ts'

describeStores('the operator, and the login', house => {
  it('I35 I05 a key is made by the operator, begins with its tenant, and is shown once', async () => {
    const { send, operator, key } = await run(house)
    const made = await send('POST', '/v1/api-keys', operator, { tenant_id: 'acme_corp' })
    expect(made).toMatchObject({
      status: 201,
      body: { tenant_id: 'acme_corp', key: expect.stringMatching(/^acme_corp_sk_[A-Za-z0-9]{32}$/) },
    })
    expect(problemIn(await send('POST', '/v1/api-keys', operator, { tenant_id: 'umbrella' }))).toBe(
      '404 TENANT_NOT_FOUND',
    )
    for (const headers of [
      {},
      { 'x-operator-key': 'wrong' },
      (await key('acme_corp')).headers,
      await bearer(house, 'acme_corp'),
    ])
      expect(problemIn(await send('POST', '/v1/api-keys', headers, { tenant_id: 'acme_corp' }))).toBe(
        '401 CREDENTIAL_INVALID',
      )
    expect((await send('POST', '/v1/api-keys', operator, {})).status).toBe(400)
  })

  it('I47 two keys are good at once; the one that is revoked is refused from then on', async () => {
    const { send, operator, key } = await run(house)
    const [old, next] = [await key('acme_corp'), await key('acme_corp')]
    for (const { headers } of [old, next]) expect((await send('GET', some, headers)).status).toBe(200)
    expect(problemIn(await send('DELETE', `/v1/api-keys/${old.id}`, next.headers))).toBe('401 CREDENTIAL_INVALID')
    expect((await send('DELETE', `/v1/api-keys/${old.id}`, operator)).status).toBe(204)
    expect(problemIn(await send('GET', some, old.headers))).toBe('401 CREDENTIAL_INVALID')
    expect((await send('GET', some, next.headers)).status).toBe(200)
  })

  it('I20 a tenant with a provider has a login, which is not built yet; without one, or no tenant, the answer is one', async () => {
    const { send } = await run(house)
    const login = (body?: unknown) => send('POST', '/v1/auth/oidc/login', {}, body)
    expect(await login({ tenant_id: 'initech' })).toMatchObject({ status: 501, body: { status: 501 } })
    const without = await login({ tenant_id: 'globex_inc' })
    expect(without).toMatchObject({ status: 404, body: { title: 'There is no login by OIDC for this tenant.' } })
    expect(await login({ tenant_id: 'umbrella' })).toEqual(without)
    for (const bad of [undefined, { tenant_id: 7 }, { tenant_id: ['initech'] }, { tenant: 'initech' }, []])
      expect((await login(bad)).status).toBe(400)
  })

  it('I20 I26 a login that names no tenant is that of the default tenant', async () => {
    const { send } = await run(house, undefined, { env: { DEFAULT_TENANT_ID: 'initech' } })
    expect((await send('POST', '/v1/auth/oidc/login', {}, {})).status).toBe(501)
    expect((await (await run(house)).send('POST', '/v1/auth/oidc/login', {}, {})).status).toBe(404)
  })

  it('I45 I48 no secret of the configuration, no key and no token is in an answer or in the log', async () => {
    const { send, operator, key, deployment, records } = await run(house)
    const { headers } = await key('initech')
    const token = await bearer(house, 'initech')
    const answers = []
    for (const more of [{}, operator, headers, token, { ...headers, ...token, 'x-tenant-id': 'acme_corp' }])
      for (const [method, path, body] of [
        ['GET', '/health'],
        ['GET', some],
        ['GET', `${some}?key=${headers['x-api-key']}`],
        ['GET', '/v1/inferences'],
        ['POST', '/v1/inferences', { model: 'echo', prompt: 'x' }],
        ['POST', '/v1/reports', { pipeline: [{ $lookup: { from: { db: 'x' } } }] }],
        ['POST', '/v1/auth/oidc/login', { tenant_id: 'initech' }],
        ['GET', '/v1/nothing'],
      ] as const)
        answers.push(await send(method, path, more, body))
    const { OPERATOR_KEY, GATEWAY_KEY, INITECH_OIDC_SECRET } = deployment
    const secrets = [
      OPERATOR_KEY,
      GATEWAY_KEY,
      INITECH_OIDC_SECRET,
      headers['x-api-key'],
      token.authorization?.slice(7),
    ]
    expect(secrets.every(each => typeof each === 'string' && each.length > 20)).toBe(true)
    for (const each of secrets) {
      expect(JSON.stringify(answers)).not.toContain(each)
      expect(readable(records)).not.toContain(each)
    }
  })

  it('I52 the log says of each request whose it was, or that it was nobody’s', async () => {
    const { send, key, records } = await run(house)
    const { headers } = await key('globex_inc')
    await Promise.all([
      send('GET', some, headers),
      send('GET', some, await bearer(house, 'acme_corp')),
      send('GET', some),
    ])
    const requests = () => records.filter(({ event, route }) => event === 'request.done' && route === some)
    await expect.poll(() => requests().length).toBe(3)
    expect(
      requests()
        .map(({ tenant, status }) => `${tenant} ${status}`)
        .toSorted(),
    ).toEqual(['acme_corp 200', 'globex_inc 200', 'null 401'])
  })
})
