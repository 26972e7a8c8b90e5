import { randomBytes } from 'node:crypto'
import { type Answer, openStage, type Result } from '@tenantry/demo'
import { issueApiKey } from '@tenantry/identity'
import { describeAnswer } from './describe-answer.ts'
import { lookInside } from './look-inside.ts'
import { onboard } from './onboard.ts'
import type { Deployment } from './open-deployment.ts'
import { signIn } from './sign-in.ts'
import { welcomeLetter } from './welcome-packet.ts'

/** What was played, and what a second tenant's onboarding has come to. */
export interface Played {
  readonly results: readonly Result[]
  /** As it would be sent, without its token. */
  readonly letter: string
  /** Milliseconds from the first call to the customer's first agent at work (A48). */
  readonly onboarding: number
}

/** A second tenant is onboarded, by the steps of Ampora's tutorial; then everybody tries what they should not. */
export async function play(deployment: Deployment): Promise<Played> {
  const { base, port, platform, people, primary, adopted } = deployment
  const stage = openStage(describeAnswer)
  const see = (what: string, found: string, says: string) => stage.see({ who: 'platform', what, found, says })
  type Sent = {
    readonly method?: string
    readonly path: string
    readonly body?: unknown
    readonly token?: string
    readonly key?: string
  }
  async function ask(who: string, what: string, sent: Sent, status: number, says: string): Promise<Answer> {
    const { token, key, ...call } = sent
    const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(key && { 'x-api-key': key }) }
    return stage.play(port, { who, what, call: { host: new URL(base).host, headers, ...call }, status, says })
  }
  async function enter(who: string, slug: string, says: string): Promise<string> {
    const { token, error = '', address } = await signIn(`${base}/t/${slug}/login`, who)
    const found = token === undefined ? error : address.replace(base, '')
    stage.see({ who, what: `signs in to ${slug}, at the provider`, found, says })
    return token ?? ''
  }
  const post = (path: string, body: unknown) => ({ method: 'POST', path, body })

  // A46: what a single tenant had is the first tenant's now.
  see('configurations before tenants, and adopted', `${adopted.before}, ${adopted.rows}`, '2500, 2500')
  see('adopts again', String(await deployment.migrateAgain()), '0')
  const root = await enter('root', 'primary', '/t/primary/console')
  await ask('root', 'lists configurations', { path: '/api/configurations', token: root }, 200, '100 of them')

  // A18 – A21, A41: the second tenant.
  const start = performance.now()
  const { tenant, packet, pool } = await onboard(
    platform,
    {
      ...{ slug: 'acme-eu', name: 'ACME Europe', region: 'eu', claim: 'groups', firstAdmin: 'ada' },
      theme: { primaryColor: '#0f766e', loginText: 'For people of ACME.' },
      roles: { 'acme-eu-admins': 'Admin', 'acme-eu-operators': 'Operator', 'acme-eu-viewers': 'Viewer' },
    },
    'ops',
  )
  await ask('ada', 'opens the login wall', { path: '/t/acme-eu/login' }, 200, 'Sign in · ACME Europe, in #0f766e')
  await ask('stranger', 'opens that of nobody', { path: '/t/never-was/login' }, 200, 'Sign in · Ampora, in #3b82f6')
  const ada = await enter('ada', 'acme-eu', '/t/acme-eu/console')
  await ask('ada', 'opens the user menu', { path: '/api/me', token: ada }, 200, 'ACME Europe · ada · Admin')
  await ask('ada', 'lists configurations', { path: '/api/configurations', token: ada }, 200, 'none')
  await ask('ada', 'lists agents', { path: '/api/agents', token: ada }, 200, 'none')

  const edge = await enrol('agent edge-1', packet.token, 'an agent in edge')
  const onboarding = performance.now() - start

  await work()
  await roles()
  await attacks()
  await life()
  for (const { what, found, says } of await lookInside(deployment, tenant)) see(what, found, says)
  const letter = welcomeLetter({ ...packet, token: '…' })
  return { results: stage.results, letter, onboarding }

  /** A32: an agent makes its own secret; with the tenant's id it is its key. */
  async function enrol(who: string, token: string, says: string, status = 201): Promise<string> {
    const secret = randomBytes(32).toString('hex')
    const { body } = await ask(
      who,
      'enrols',
      post('/v1/agents', { token, name: who.split(' ')[1], secret }),
      status,
      says,
    )
    return `${(body as { tenant: string }).tenant}_sk_${secret}`
  }

  async function work(): Promise<void> {
    const made = await ask(
      'ada',
      'writes a configuration',
      { ...post('/api/configurations', { name: 'collector', body: 'v1' }), token: ada },
      201,
      'collector',
    )
    const configuration = (made.body as { id: string }).id
    const rollout = { configuration, agent_group: 'edge' }
    await ask('ada', 'rolls it out to edge', { ...post('/api/rollouts', rollout), token: ada }, 201, 'done')
    await ask('edge-1', 'asks for its configurations', { path: '/agent/configurations', key: edge }, 200, 'collector')
    await ask(
      'ada',
      'writes a lint rule',
      { ...post('/api/lint-rules', { name: 'no-debug', pattern: 'debug' }), token: ada },
      201,
      'no-debug',
    )
    await ask(
      'ada',
      'writes a policy',
      { ...post('/api/policies', { name: 'pinned', rule: 'all' }), token: ada },
      201,
      'pinned',
    )
    await ask('ada', 'reads the audit log', { path: '/api/audit-log', token: ada }, 200, '4 of them')
    await ask('root', 'reads that of primary', { path: '/api/audit-log', token: root }, 200, 'none')
    await ask(
      'ada',
      'changes the theme',
      { method: 'PUT', path: '/api/theme', body: { primaryColor: '#7c3aed' }, token: ada },
      200,
      '#7c3aed',
    )
    await ask('ada', 'opens the login wall', { path: '/t/acme-eu/login' }, 200, 'Sign in · ACME Europe, in #7c3aed')
    // A30, A31: automation issues tokens with the secret of the pool, and of no other.
    const issue = { ...post(`/v1/pools/${pool.id}/tokens`, {}), token: pool.secret }
    const issued = await ask('rollout', 'asks the pool for a token', issue, 201, 'a token')
    await enrol('agent edge-2', (issued.body as { token: string }).token, 'an agent in edge')
    await ask(
      'rollout',
      'asks with another secret',
      { ...issue, token: `pool_${'x'.repeat(43)}` },
      401,
      'CREDENTIAL_INVALID',
    )
  }

  /** A20, A21, A37, A42. */
  async function roles(): Promise<void> {
    const vera = await enter('vera', 'acme-eu', '/t/acme-eu/console')
    await ask('vera', 'lists configurations', { path: '/api/configurations', token: vera }, 200, 'collector')
    const wanted = post('/api/configurations', { name: 'mine', body: '' })
    await ask('vera', 'writes one', { ...wanted, token: vera }, 403, 'FORBIDDEN')
    const otto = await enter('otto', 'acme-eu', '/t/acme-eu/console')
    const own = await ask(
      'otto',
      'makes a token, without the platform',
      { ...post('/api/tokens', {}), token: otto },
      201,
      'a token',
    )
    await enrol('agent lab-1', (own.body as { token: string }).token, 'an agent in no group')
    await ask(
      'otto',
      'writes a policy',
      { ...post('/api/policies', { name: 'p', rule: 'r' }), token: otto },
      403,
      'FORBIDDEN',
    )
    people.set('otto', { groups: ['acme-eu-viewers'] })
    await ask(
      'otto',
      'is a viewer now; his session',
      { path: '/api/me', token: otto },
      200,
      'ACME Europe · otto · Operator',
    )
    const later = await enter('otto', 'acme-eu', '/t/acme-eu/console')
    await ask('otto', 'has signed in again', { path: '/api/me', token: later }, 200, 'ACME Europe · otto · Viewer')
  }

  async function attacks(): Promise<void> {
    await enter('mallory', 'acme-eu', 'access_denied')
    await enter('ada', 'primary', 'access_denied')
    await enter('root', 'acme-eu', 'access_denied')
    await ask('stranger', 'lists configurations', { path: '/api/configurations' }, 401, 'TENANT_CREDENTIALS_REQUIRED')
    await ask('edge-1', 'lists as if it were a person', { path: '/api/configurations', key: edge }, 403, 'FORBIDDEN')
    await ask(
      'ada',
      'asks as if she were an agent',
      { path: '/agent/configurations', token: ada },
      401,
      'CREDENTIAL_INVALID',
    )
    const moved = edge.replace(tenant.id, primary.id)
    await ask(
      'edge-1',
      'names the primary tenant in its key',
      { path: '/agent/configurations', key: moved },
      401,
      'CREDENTIAL_INVALID',
    )
    await ask(
      'root',
      'sends the key of edge-1 along',
      { path: '/api/configurations', token: root, key: edge },
      403,
      'TENANT_AMBIGUOUS',
    )
    await enrol('agent again', packet.token, 'CREDENTIAL_INVALID', 401)
    const [foreign] = await platform.tenancy.run(
      tenant,
      async () => (await platform.rows.query('select id from configurations')).rows,
    )
    const rollout = { configuration: foreign?.id, agent_group: 'edge' }
    await ask('root', 'rolls out what is acme-eu’s', { ...post('/api/rollouts', rollout), token: root }, 409, '23503')
  }

  /** A43, A47: without the primary tenant, and in another region. */
  async function life(): Promise<void> {
    const access = { actor: 'ops', reason: 'the demo' }
    await platform.lifecycle.suspend(primary.id, access)
    await ask('root', 'while primary is suspended', { path: '/api/me', token: root }, 403, 'TENANT_SUSPENDED')
    await ask('ada', 'meanwhile', { path: '/api/me', token: ada }, 200, 'ACME Europe · ada · Admin')
    await ask('edge-1', 'meanwhile', { path: '/agent/configurations', key: edge }, 200, 'collector')
    await platform.lifecycle.resume(primary.id, access)
    const far = await platform.lifecycle.create(
      { slug: 'globex-us', name: 'Globex', placement: { region: 'us' } },
      access,
    )
    const { key, record } = issueApiKey(far.id, { scopes: ['agent'] })
    await platform.store.apiKeys.add(record, access)
    await ask(
      'an agent',
      'of another region',
      { path: '/agent/configurations', key: key.reveal() },
      307,
      'REGION_OTHER',
    )
    await enter('ada', 'globex-us', '404')
    see('the audit of the platform', (await platform.store.verifyAudit()).ok ? 'whole' : 'broken', 'whole')
  }
}
