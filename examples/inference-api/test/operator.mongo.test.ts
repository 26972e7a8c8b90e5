import { createHmac } from 'node:crypto'
import { jwtDecrypt } from 'jose'
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

  it('I20 I37 a login goes to the provider of the tenant that the body names; without one, or no tenant, the answer is one', async () => {
    const { app, send } = await run(house)
    const login = (body?: unknown) => send('POST', '/v1/auth/oidc/login', {}, body)
    const begun = await app.server.inject({
      method: 'POST',
      url: '/v1/auth/oidc/login',
      payload: { tenant_id: 'initech' },
    })
    expect(begun.statusCode).toBe(303)
    const to = new URL(String(begun.headers.location))
    expect(to.href.split('?')[0]).toBe(`${house.provider.issuerOf('initech')}/auth`)
    const { state, nonce, code_challenge, ...rest } = Object.fromEntries(to.searchParams)
    expect(rest).toEqual({
      client_id: 'inference-api-client',
      redirect_uri: 'https://api.platform.example/v1/auth/oidc/callback',
      response_type: 'code',
      scope: 'openid profile email',
      code_challenge_method: 'S256',
    })
    for (const each of [state, nonce, code_challenge]) expect(each?.length).toBeGreaterThan(40)
    const without = await login({ tenant_id: 'globex_inc' })
    expect(without).toMatchObject({ status: 404, body: { title: 'There is no login by OIDC for this tenant.' } })
    expect(await login({ tenant_id: 'umbrella' })).toEqual(without)
    for (const bad of [undefined, { tenant_id: 7 }, { tenant_id: ['initech'] }, { tenant: 'initech' }, []])
      expect((await login(bad)).status).toBe(400)
  })

  it('I37 the state is bound to the tenant, is another each time, and cannot be read or changed', async () => {
    const { app, deployment } = await run(house)
    const stateOf = async () => {
      const { headers } = await app.server.inject({
        method: 'POST',
        url: '/v1/auth/oidc/login',
        payload: { tenant_id: 'initech' },
      })
      return new URL(String(headers.location)).searchParams.get('state') ?? ''
    }
    const [one, two] = [await stateOf(), await stateOf()]
    expect(one).not.toBe(two)
    expect(Buffer.from(one, 'base64url').toString('latin1')).not.toContain('initech')
    const key = createHmac('sha256', deployment.OPERATOR_KEY).update('oidc state').digest()
    const { payload } = await jwtDecrypt(one, key)
    expect(payload).toMatchObject({ tenant_id: 'initech', nonce: expect.any(String), verifier: expect.any(String) })
    const end = one.at(-2) === 'A' ? 'B' : 'A'
    await expect(jwtDecrypt(`${one.slice(0, -2)}${end}${one.slice(-1)}`, key)).rejects.toThrow()
  })

  it('I20 I26 a login that names no tenant is that of the default tenant', async () => {
    const { send } = await run(house, undefined, { env: { DEFAULT_TENANT_ID: 'initech' } })
    expect((await send('POST', '/v1/auth/oidc/login', {}, {})).status).toBe(303)
    expect((await (await run(house)).send('POST', '/v1/auth/oidc/login', {}, {})).status).toBe(404)
  })

  it('I37 a provider that cannot be reached is not the caller’s fault, and is asked again', async () => {
    const { send } = await run({
      ...house,
      provider: { ...house.provider, issuerOf: () => 'http://127.0.0.1:9/realms/none' },
    })
    for (const _ of [1, 2])
      expect((await send('POST', '/v1/auth/oidc/login', {}, { tenant_id: 'initech' })).status).toBe(502)
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
