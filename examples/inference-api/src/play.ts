import { type Call, openStage, type Result } from '@tenantry/demo'
import type { Deployment } from './deployment.ts'
import { describeAnswer } from './describe-answer.ts'
import { lookInside } from './look-inside.ts'
import { type LogRecord, readable } from './memory-logger.ts'
import type { TokenSigner } from './token-signer.ts'

/** Where the scenes are played. */
export interface Theatre {
  readonly port: number
  readonly deployment: Deployment
  readonly signer: TokenSigner
  readonly records: readonly LogRecord[]
  /** Ends the Redis server that is initech's own. */
  stopSecondRedis(): Promise<void>
}

type Headers = Readonly<Record<string, string>>
const tenants = ['acme_corp', 'globex_inc', 'initech'] as const

/** What an operator, tenants and an attacker do, and what each must see. */
export async function play({
  port,
  deployment,
  signer,
  records,
  stopSecondRedis,
}: Theatre): Promise<readonly Result[]> {
  const stage = openStage(describeAnswer)
  const spoken: string[] = [deployment.OPERATOR_KEY, deployment.GATEWAY_KEY, deployment.INITECH_OIDC_SECRET]
  const keys = new Map<string, { readonly id: string; readonly key: string }>()

  async function request(who: string, what: string, call: Omit<Call, 'host'>, status: number, says: string) {
    return (await stage.play(port, { who, what, call: { host: 'api.platform.example', ...call }, status, says })).body
  }
  const see = (what: string, found: string, says: string) => stage.see({ who: 'administrator', what, found, says })
  const operator = { 'x-operator-key': deployment.OPERATOR_KEY }
  const keyOf = (tenant: string): Headers => ({ 'x-api-key': keys.get(tenant)?.key ?? '' })
  async function tokenOf(tenant: string, lifetime?: number): Promise<Headers> {
    const token = await signer.sign(tenant, lifetime)
    spoken.push(token)
    return { authorization: `Bearer ${token}` }
  }
  const get = (who: string, what: string, headers: Headers, status: number, says: string, path = '/v1/some-endpoint') =>
    request(who, what, { path, headers }, status, says)
  const post = (
    who: string,
    what: string,
    path: string,
    body: object,
    headers: Headers,
    status: number,
    says: string,
  ) => request(who, what, { method: 'POST', path, body, headers }, status, says)
  const makeKey = (what: string, tenant_id: string, headers: Headers, status: number, says: string) =>
    post('operator', what, '/v1/api-keys', { tenant_id }, headers, status, says)
  const ask = (tenant: string, prompt: string, status: number, says: string) =>
    post(tenant, `infer “${prompt}”`, '/v1/inferences', { model: 'echo', prompt }, keyOf(tenant), status, says)
  const health = (what: string, status: number, says: string) =>
    get('operator', what, operator, status, says, '/health')
  const login = (what: string, body: object, status: number, says: string) =>
    post('somebody', what, '/v1/auth/oidc/login', body, {}, status, says)

  // The start, as the document has it.
  for (const id of tenants) {
    const told = records.filter(({ event, tenant }) => tenant === id && /^tenant\.init|\.ready$/.test(String(event)))
    see(
      `the log of the start, of ${id}`,
      told.map(({ event }) => event).join(', '),
      'tenant.init.start, mongo.ready, redis.ready',
    )
  }
  await health('ask for health', 200, 'ok: all of 3')
  await get('somebody', 'ask for health', {}, 200, 'ok', '/health')

  // Keys, and the request of “Test API access”.
  for (const id of tenants) {
    const made = await makeKey(`make a key of ${id}`, id, operator, 201, `a key, once: ${id}_sk_…`)
    const { id: record, key } = made as { id: string; key: string }
    keys.set(id, { id: record, key })
    spoken.push(key)
  }
  await makeKey('make a key of nobody', 'umbrella', operator, 404, 'TENANT_NOT_FOUND')
  for (const id of tenants) await get(id, 'test the key', keyOf(id), 200, `${id}: 0 inferences`)

  // One question of several tenants: what one has cached is no other's.
  await ask('acme_corp', 'how are you', 201, 'you are how (inferred)')
  await ask('acme_corp', 'how are you', 201, 'you are how (cached)')
  await ask('globex_inc', 'how are you', 201, 'you are how (inferred)')
  await ask('initech', 'what is new', 201, 'new is what (inferred)')
  await get('globex_inc', 'list', await tokenOf('globex_inc'), 200, 'how are you', '/v1/inferences')
  await get('initech', 'list', keyOf('initech'), 200, 'what is new', '/v1/inferences')
  see('documents + keys of each', await lookInside(deployment), 'acme_corp: 2 + 2, globex_inc: 1 + 2, initech: 1 + 2')

  // Three sources, which must agree.
  const asGlobex = { 'x-tenant-id': 'globex_inc' }
  const asAcme = { ...(await tokenOf('acme_corp')), ...keyOf('acme_corp') }
  const gateway = { 'x-gateway-key': deployment.GATEWAY_KEY }
  await get(
    'acme_corp',
    'token, key and header',
    { ...asAcme, 'x-tenant-id': 'acme_corp' },
    200,
    'acme_corp: 2 inferences',
  )
  await get('gateway', 'header, with its proof', { ...asGlobex, ...gateway }, 200, 'globex_inc: 1 inferences')
  const attack = (what: string, headers: Headers, status: number, says: string) =>
    get('attacker', what, headers, status, says)
  await attack('header alone', asGlobex, 403, 'TENANT_UNVERIFIED')
  await attack(
    'header, with a made-up proof',
    { ...asGlobex, 'x-gateway-key': 'x'.repeat(32) },
    403,
    'TENANT_UNVERIFIED',
  )
  await attack('acme’s key, globex’ header', { ...keyOf('acme_corp'), ...asGlobex }, 403, 'TENANT_AMBIGUOUS')
  await attack(
    'acme’s key, globex’ token',
    { ...keyOf('acme_corp'), ...(await tokenOf('globex_inc')) },
    403,
    'TENANT_AMBIGUOUS',
  )
  const secretPart = keys.get('acme_corp')?.key.split('_sk_')[1] ?? ''
  const forged = (id: string) => ({ 'x-api-key': `${id}_sk_${secretPart}` })
  await attack('acme’s key, globex’ prefix', forged('globex_inc'), 401, 'CREDENTIAL_INVALID')
  await attack('a key of nobody', forged('umbrella'), 401, 'CREDENTIAL_INVALID')
  await attack('a token of nobody', await tokenOf('umbrella'), 404, 'TENANT_NOT_FOUND')
  const none = { authorization: `Bearer ${unsigned('globex_inc', signer)}` }
  await attack('a token that nobody signed', none, 401, 'CREDENTIAL_INVALID')
  await attack('that, beside a good key', { ...none, ...keyOf('acme_corp') }, 401, 'CREDENTIAL_INVALID')
  await attack(
    'an old token, beside a good key',
    { ...(await tokenOf('acme_corp', -60)), ...keyOf('acme_corp') },
    401,
    'CREDENTIAL_INVALID',
  )
  await attack('nothing', {}, 401, 'TENANT_CREDENTIALS_REQUIRED')
  await post(
    'attacker',
    'make a key with a key',
    '/v1/api-keys',
    { tenant_id: 'globex_inc' },
    keyOf('acme_corp'),
    401,
    'CREDENTIAL_INVALID',
  )

  // Pipelines that would leave the database.
  const { mongo_database: db } = JSON.parse(deployment.TENANT_CONFIGS)[1]
  const lookup = { $lookup: { from: { db, coll: 'inferences' }, pipeline: [], as: 'loot' } }
  const kept = 'INPUT_INVALID: pipeline: has a stage or an operator that is not known to stay with the tenant.'
  const report = (who: string, what: string, pipeline: object[], status: number, says: string) =>
    post(who, what, '/v1/reports', { pipeline }, keyOf('acme_corp'), status, says)
  await report('acme_corp', 'report', [{ $project: { _id: 0, prompt: 1 } }], 200, 'how are you, how are you')
  await report('attacker', '$lookup in globex’ database', [lookup], 400, kept)
  await report('attacker', 'the same, inside a $facet', [{ $facet: { a: [lookup] } }], 400, kept)
  await report('attacker', '$unionWith globex’ database', [{ $unionWith: { db, coll: 'inferences' } }], 400, kept)
  await report(
    'attacker',
    '$out to globex’ database',
    [{ $out: { db, coll: 'inferences' } }],
    400,
    'INPUT_INVALID: pipeline: must not write.',
  )
  await report('attacker', 'JavaScript on the server', [{ $match: { $where: 'true' } }], 400, kept)

  // Each tenant's own quota.
  await ask('acme_corp', 'again', 201, 'again (inferred)')
  await ask('acme_corp', 'and again', 429, 'Too many inferences within a minute.')
  await ask('globex_inc', 'and again', 201, 'again and (inferred)')

  // The login begins at the tenant's own provider; where it ends is not built yet.
  const no = 'There is no login by OIDC for this tenant.'
  await login('log in at initech: off to its provider', { tenant_id: 'initech' }, 303, 'nothing')
  await login('log in at globex, which has no provider', { tenant_id: 'globex_inc' }, 404, no)
  await login('log in at nobody’s', { tenant_id: 'umbrella' }, 404, no)
  await login('log in, at the default tenant', {}, 404, no)

  // One server goes: its tenant is unwell, and nobody else.
  await stopSecondRedis()
  await health('ask for health, initech’s Redis is down', 200, 'degraded: redis of initech')
  await ask('initech', 'anybody there', 503, 'CONNECTION_LOST')
  await get('initech', 'list, which needs MongoDB only', keyOf('initech'), 200, 'what is new', '/v1/inferences')
  await ask('globex_inc', 'still there', 201, 'there still (inferred)')

  // A key that goes.
  const path = `/v1/api-keys/${keys.get('acme_corp')?.id}`
  await request('operator', 'revoke acme’s key', { method: 'DELETE', path, headers: operator }, 204, 'nothing')
  await get('acme_corp', 'test the key', keyOf('acme_corp'), 401, 'CREDENTIAL_INVALID')
  await get('globex_inc', 'test the key', keyOf('globex_inc'), 200, 'globex_inc: 3 inferences')

  const log = readable(records)
  see('keys, tokens and secrets in the log', String(spoken.filter(text => log.includes(text)).length), '0')
  return stage.results
}

/** A token that says that it needs no signature. */
function unsigned(tenantId: string, { issuer: { issuer, audience } }: TokenSigner): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + 300
  return `${part({ alg: 'none' })}.${part({ iss: issuer, aud: audience, exp, tenant_id: tenantId })}.`
}
