import { type Call, openStage, type Result } from '@tenantry/demo'
import type { Deployment } from './deployment.ts'
import { describeAnswer } from './describe-answer.ts'
import { ask, liveLogins, lookInside } from './look-inside.ts'
import type { LogRecord } from './memory-logger.ts'
import type { Service } from './open-service.ts'

/** Where the scenes are played. */
export interface Theatre {
  readonly port: number
  readonly service: Service
  readonly deployment: Deployment
  readonly records: readonly LogRecord[]
}

/** What an operator, agents and an attacker do, and what each must see. */
export async function play({ port, service, deployment, records }: Theatre): Promise<readonly Result[]> {
  const { admins, env } = deployment
  const stage = openStage(describeAnswer)
  const credentials = new Map<string, string>()

  async function request(who: string, what: string, call: Omit<Call, 'host'>, status: number, says: string) {
    return (await stage.play(port, { who, what, call: { host: 'sysmanage.example', ...call }, status, says })).body
  }
  const as = (credential: string, more = {}) => ({ headers: { authorization: `Bearer ${credential}`, ...more } })
  const operator = (what: string, method: string, path: string, body: unknown, status: number, says: string) =>
    request('operator', what, { method, path: `/operator${path}`, body, ...as(env.OPERATOR_KEY ?? '') }, status, says)
  const hosts = (who: string, what: string, status: number, says: string) =>
    request(who, what, { path: '/hosts', ...as(credentials.get(who) ?? '') }, status, says)
  async function enrol(who: string, token: string) {
    const body = { hostname: who, platform: 'debian-13' }
    const says = 'a credential of its own: agent_…'
    const answer = await request(who, 'enrol', { method: 'POST', path: '/agents', body, ...as(token) }, 201, says)
    credentials.set(who, (answer as { credential: string }).credential)
  }
  const beat = (who: string, status = 201, says = 'load 0.5') => {
    const call = { method: 'POST', path: '/heartbeats', body: { load: 0.5 }, ...as(credentials.get(who) ?? '') }
    return request(who, 'send a heartbeat', call, status, says)
  }
  const token = async (slug: string) =>
    (
      (await operator(
        `make a token of ${slug}`,
        'POST',
        `/tenants/${slug}/tokens`,
        { label: 'rollout' },
        201,
        'a token, once: enrol_…',
      )) as {
        token: string
      }
    ).token
  const placement = async (slug: string) => (await service.tenants?.find(slug))?.placement as Record<string, string>
  const see = (what: string, found: string, says: string) => stage.see({ who: 'administrator', what, found, says })
  async function count(what: string, says: string) {
    const names = new Map<string, string>()
    for (const tenant of (await service.tenants?.list()) ?? []) names.set(tenant.placement.database ?? '', tenant.slug)
    const found = (await lookInside(admins)).map(
      ({ server, database, hosts: there, heartbeats }) =>
        `${server}/${names.get(database) ?? database}: ${there.join(' ') || 'none'} (${heartbeats})`,
    )
    see(what, found.toSorted().join(', '), says)
  }
  const loginsOf = async (slug: string) => String(await liveLogins(admins.eu, (await placement(slug)).database ?? ''))

  // Tenants, where they must live.
  const create = (slug: string, where: object, status: number, says: string) =>
    operator(
      `create ${slug} in ${Object.values(where).join()}`,
      'POST',
      '/tenants',
      { slug, name: slug, ...where },
      status,
      says,
    )
  await create('acme', { region: 'eu' }, 201, 'acme active on eu')
  await create('globex', { region: 'eu' }, 201, 'globex active on eu')
  await create('initech', { jurisdiction: 'US' }, 201, 'initech active on us')
  await create('umbrella', { region: 'mars' }, 400, 'INPUT_INVALID')
  await create('acme', { region: 'us' }, 409, 'TENANT_EXISTS')

  // Agents.
  const tokens = { acme: await token('acme'), globex: await token('globex'), initech: await token('initech') }
  for (const [who, slug] of [
    ['web-1', 'acme'],
    ['db-1', 'acme'],
    ['mail-1', 'globex'],
    ['edge-1', 'initech'],
  ] as const) {
    await enrol(who, tokens[slug])
    await beat(who)
  }
  await hosts('web-1', 'list hosts', 200, 'db-1 (1), web-1 (1)')
  await hosts('mail-1', 'list hosts', 200, 'mail-1 (1)')
  await hosts('edge-1', 'list hosts', 200, 'edge-1 (1)')
  const everything = 'eu/acme: db-1 web-1 (2), eu/globex: mail-1 (1), us/initech: edge-1 (1)'
  await count('count on all three servers', everything)

  // Strangers, and tenants where they do not belong.
  const globex = { 'x-tenant': 'globex' }
  const ofAcme = as(tokens.acme, globex)
  const body = { hostname: 'spy', platform: 'debian-13' }
  await request(
    'attacker',
    'enrol with acme’s token at globex',
    { method: 'POST', path: '/agents', body, ...ofAcme },
    403,
    'TENANT_AMBIGUOUS',
  )
  await request(
    'attacker',
    'list with web-1’s credential at globex',
    { path: '/hosts', ...as(credentials.get('web-1') ?? '', globex) },
    403,
    'TENANT_AMBIGUOUS',
  )
  await request(
    'attacker',
    'list with a token for enrolling',
    { path: '/hosts', ...as(tokens.acme) },
    401,
    'CREDENTIAL_INVALID',
  )
  await request(
    'attacker',
    'list with a made-up credential',
    { path: '/hosts', ...as(`${tokens.acme.slice(0, -4)}AAAA`) },
    401,
    'CREDENTIAL_INVALID',
  )
  const before = [service.databases?.metrics().connections, records.length] as const
  await request('attacker', 'list without any', { path: '/hosts' }, 401, 'TENANT_CREDENTIALS_REQUIRED')
  const { hits, misses } = service.databases?.metrics().connections ?? {}
  see(
    'statements sent for it',
    String((hits ?? 0) + (misses ?? 0) - (before[0]?.hits ?? 0) - (before[0]?.misses ?? 0)),
    '0',
  )
  see(
    'what the log says of it',
    records
      .slice(before[1])
      .map(({ level, event, outcome, target }) => `${level} ${event} ${outcome} ${target}`)
      .join(),
    'warn tenancy.refused absent /hosts',
  )

  // A tenant that is suspended.
  see('logins of globex', await loginsOf('globex'), '1')
  await operator('suspend globex', 'POST', '/tenants/globex/suspend', {}, 200, 'globex suspended on eu')
  see('logins of globex', await loginsOf('globex'), '0')
  await beat('mail-1', 403, 'TENANT_SUSPENDED')
  await beat('web-1')
  await beat('edge-1')
  await operator('resume globex', 'POST', '/tenants/globex/resume', {}, 200, 'globex active on eu')
  await beat('mail-1')

  // A placement that is wrong: the registry says that globex lives in acme's database.
  const [home, wrong] = [await placement('globex'), await placement('acme')]
  const move = (database: string | undefined, epoch: string) =>
    ask(
      admins.bootstrap,
      `update registry_tenants set placement = placement || $1, version = version + 1 where slug = 'globex'`,
      [{ database, epoch }],
    )
  await move(wrong.database, '2')
  await hosts('mail-1', 'list hosts, placed in acme’s database', 403, 'TENANT_SUSPENDED')
  await ask(admins.eu, `grant connect on database ${wrong.database} to ${home.database}`)
  await hosts('mail-1', 'the same, and somebody has let it in', 500, 'IDENTITY_MISMATCH')
  await ask(admins.eu, `revoke connect on database ${wrong.database} from ${home.database}`)
  await move(home.database, '3')
  await hosts('mail-1', 'list hosts, placed at home, of another epoch', 500, 'IDENTITY_MISMATCH')
  const inside = new URL(admins.eu)
  inside.pathname = `/${home.database}`
  await ask(inside.href, 'update tenantry.identity set epoch = 3')
  await hosts('mail-1', 'list hosts, when both say the same', 200, 'mail-1 (2)')

  await operator('look at the budget', 'GET', '/metrics', undefined, 200, 'within 12 connections, nobody waits')

  // A tenant that goes.
  await operator(
    'erase globex',
    'DELETE',
    '/tenants/globex',
    undefined,
    200,
    'erased 3 rows, 1 database, 1 role, 2 credentials',
  )
  await hosts('mail-1', 'list hosts', 401, 'CREDENTIAL_INVALID')
  await hosts('web-1', 'list hosts', 200, 'db-1 (1), web-1 (2)')
  await count('count on all three servers', 'eu/acme: db-1 web-1 (3), us/initech: edge-1 (2)')
  return stage.results
}
