import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTenancy, memoryRegistry } from '@tenantry/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEnrolment, issueHandler, memoryEnrolment, nodeHandler } from '../../src/index.ts'
import { recorder } from '../support.ts'

const registry = memoryRegistry(['a', 'b'].map(id => ({ id, slug: id, name: id })))
const tenancy = createTenancy({ registry, logger: recorder() })
const enrolment = createEnrolment({ store: memoryEnrolment(), registry, tenancy, logger: recorder() })
const server = createServer((request, response) => void nodeHandler(issueHandler(enrolment))(request, response))
let base = ''

beforeAll(async () => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const poolOf = (tenantId: string) =>
  enrolment.createPool({ tenantId, name: crypto.randomUUID(), ttl: 60_000, group: 'edge' }, { actor: 'ada' })

async function post(id: string, secret: string | undefined, body?: string, type = 'application/json') {
  const headers = { ...(secret !== undefined && { authorization: `Bearer ${secret}` }), 'content-type': type }
  const response = await fetch(`${base}/pools/${id}/tokens`, { method: 'POST', headers, ...(body && { body }) })
  return { response, status: response.status, answer: (await response.json()) as { id: string; token: string } }
}

describe('issueHandler', () => {
  it('A30 S35 gives a token to whoever has the secret of the pool, once, and keeps it out of caches', async () => {
    const { pool, secret } = await poolOf('a')
    const { response, status, answer } = await post(pool.id, secret.reveal(), JSON.stringify({ label: 'rack 7' }))
    expect(status).toBe(201)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(Object.keys(answer).sort()).toEqual(['expires_at', 'id', 'token'])
    const bound = await enrolment.redeem(answer.token, { redeemer: 'key', bind: enrolling => enrolling })
    expect(bound).toMatchObject({ tenantId: 'a', group: 'edge' })
    expect((await enrolment.tokens('a')).at(0)).toMatchObject({ id: answer.id, label: 'rack 7' })
    expect((await post(pool.id, secret.reveal())).status).toBe(201)
  })

  it('A31 E13 answers one thing to every secret that is not the one of this pool', async () => {
    const [ofA, ofB] = [await poolOf('a'), await poolOf('b')]
    const answers = await Promise.all([
      post(ofA.pool.id, ofB.secret.reveal()),
      post(ofB.pool.id, ofA.secret.reveal()),
      post(crypto.randomUUID(), ofA.secret.reveal()),
      post('x'.repeat(65), ofA.secret.reveal()),
      post('%00', ofA.secret.reveal()),
      post(ofA.pool.id, undefined),
      post(ofA.pool.id, 'x'),
      post(ofA.pool.id, `${ofA.secret.reveal()}, Bearer ${ofA.secret.reveal()}`),
    ])
    expect(new Set(answers.map(({ status, answer }) => `${status} ${JSON.stringify(answer)}`)).size).toBe(1)
    expect(answers[0]?.status).toBe(401)
  })

  it('A25 takes no wish of what the token is to be', async () => {
    const { pool, secret } = await poolOf('a')
    const count = (await enrolment.tokens('a')).length
    const wishes = [{ tenantId: 'b' }, { group: 'core' }, { maxUses: '9' }, { label: 'x', ttl: '1' }, { label: 7 }, []]
    for (const wish of wishes) {
      expect(await post(pool.id, secret.reveal(), JSON.stringify(wish))).toMatchObject({ status: 400 })
    }
    for (const text of ['{', '{"label":"a","label":"b"}', `{"label":"${'x'.repeat(20_000)}"}`, '{"label":"a\\nb"}'])
      expect(await post(pool.id, secret.reveal(), text)).toMatchObject({ status: 400 })
    expect(await post(pool.id, secret.reveal(), 'label=x', 'text/plain')).toMatchObject({ status: 400 })
    expect((await enrolment.tokens('a')).length).toBe(count)
  })

  it('is a POST', async () => {
    const { pool, secret } = await poolOf('a')
    const headers = { authorization: `Bearer ${secret.reveal()}` }
    const response = await fetch(`${base}/pools/${pool.id}/tokens`, { headers })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
  })
})
