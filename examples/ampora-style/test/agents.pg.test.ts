import { expect, it } from 'vitest'
import { onboard } from '../src/onboard.ts'
import { codeOf, describeHouse } from './support.ts'

describeHouse('agents of tenants', house => {
  const { ask } = house
  const enrol = (token: string, secret = 'a'.repeat(43)) =>
    ask({ method: 'POST', path: '/v1/agents', body: { token, name: 'edge', secret } })

  it('A32 A34 C09 an agent is of the tenant of its token, in the group of its pool, and nothing in another', async () => {
    const [own, other] = [await house.tenant(), await house.tenant()]
    const key = await house.agent(own.packet.token)
    expect((await ask({ path: '/agent/configurations' }, { key })).status).toBe(200)
    const moved = key.replace(own.tenant.id, other.tenant.id)
    expect(codeOf(await ask({ path: '/agent/configurations' }, { key: moved }))).toEqual([401, 'CREDENTIAL_INVALID'])
    const token = await other.person('admins')
    expect(codeOf(await ask({ path: '/agent/configurations' }, { key, token }))).toEqual([403, 'TENANT_AMBIGUOUS'])
    const listed = async (one: typeof own) =>
      (await ask({ path: '/api/agents' }, { token: await one.person('viewers') })).body
    expect(await listed(own)).toMatchObject({ items: [{ name: 'a', agent_group: 'edge' }] })
    expect(await listed(other)).toEqual({ items: [] })
  })

  it('A30 A31 a pool issues with its own secret, and with no other pool’s', async () => {
    const [own, other] = [await house.tenant(), await house.tenant()]
    const issue = (pool: string, secret: string) =>
      ask({ method: 'POST', path: `/v1/pools/${pool}/tokens`, body: {} }, { token: secret })
    expect((await issue(own.pool.id, own.pool.secret)).status).toBe(201)
    expect(codeOf(await issue(own.pool.id, other.pool.secret))).toEqual([401, 'CREDENTIAL_INVALID'])
    const told = await ask(
      { method: 'POST', path: `/v1/pools/${own.pool.id}/tokens`, body: { tenant: other.tenant.id } },
      { token: own.pool.secret },
    )
    expect(codeOf(told)).toEqual([400, 'REQUEST_INVALID'])
  })

  it('A41 the token of the welcome packet enrols one agent; onboarding again makes no second tenant and another secret', async () => {
    const { packet, tenant, slug, pool } = await house.tenant()
    expect(packet.url).toBe(`${house.deployment.base}/t/${slug}/login`)
    expect((await enrol(packet.token)).status).toBe(201)
    expect(codeOf(await enrol(packet.token, 'b'.repeat(43)))).toEqual([401, 'CREDENTIAL_INVALID'])
    const customer = { slug, name: 'Again', region: 'eu', claim: 'groups', roles: {}, firstAdmin: 'ada' }
    const again = await onboard(house.deployment.platform, customer, 'a test')
    expect(again.tenant.id).toBe(tenant.id)
    expect(again.pool.id).toBe(pool.id)
    const issue = { method: 'POST', path: `/v1/pools/${pool.id}/tokens`, body: {} }
    expect((await ask(issue, { token: pool.secret })).status).toBe(401)
    expect((await ask(issue, { token: again.pool.secret })).status).toBe(201)
  })

  it('A42 an operator connects an agent with nobody’s help; a viewer and an agent do not', async () => {
    const { person, packet } = await house.tenant()
    const post = { method: 'POST', path: '/api/tokens', body: {} }
    expect((await ask(post, { token: await person('viewers') })).status).toBe(403)
    expect((await ask(post, { key: await house.agent(packet.token) })).status).toBe(403)
    const { status, body } = await ask(post, { token: await person('operators') })
    expect(status).toBe(201)
    expect((await enrol((body as { token: string }).token, 'c'.repeat(43))).status).toBe(201)
  })

  it('A26 A28 A29 an administrator makes a pool in their tenant, for a group of it', async () => {
    const { person, slug } = await house.tenant()
    const token = await person('admins')
    const post = (more: object) =>
      ask(
        { method: 'POST', path: '/api/pools', body: { name: 'lab', default_group: 'edge', ttl_minutes: 5, ...more } },
        { token },
      )
    expect(codeOf(await post({ default_group: 'never-was' }))).toEqual([400, 'INPUT_INVALID'])
    const { status, body } = await post({})
    expect(status).toBe(201)
    expect(codeOf(await post({ name: `${slug}-edge` }))).toEqual([400, 'INPUT_INVALID'])
    const { pool, secret } = body as { pool: string; secret: string }
    const issued = await ask({ method: 'POST', path: `/v1/pools/${pool}/tokens`, body: {} }, { token: secret })
    const { expires_at: until, token: given } = issued.body as { expires_at: string; token: string }
    expect(Date.parse(until) - Date.now()).toBeLessThanOrEqual(5 * 60_000 + 1000)
    expect((await enrol(given, 'd'.repeat(43))).body).toMatchObject({ group: 'edge' })
  })
})
