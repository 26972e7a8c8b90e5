import type { Tenant } from '@tenantry/core'
import { type PostgresServer, startPostgres } from '@tenantry/servers'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PgDatabase } from '../src/index.ts'
import { databaseIsolation, failureOf, type Ground, makeGround, tenantOn } from './support.ts'

// A server of its own: what is broken on purpose would be found by the checks of every other test.
describePostgres('verify() finds what would let tenants reach each other', () => {
  let server: PostgresServer
  let ground: Ground
  let isolation: PgDatabase
  let acme: Tenant
  let globex: Tenant
  beforeAll(async () => {
    server = await startPostgres()
    ground = await makeGround(server)
    isolation = databaseIsolation(ground)
    ;[acme, globex] = [tenantOn(ground), tenantOn(ground)]
    for (const tenant of [acme, globex]) await isolation.provision(tenant)
  })
  afterAll(async () => {
    await isolation?.close()
    await ground?.close()
    await server?.stop()
  })
  const nameOf = (tenant: Tenant) => String(tenant.placement.database)

  it('nothing where all is well', async () => {
    expect(await isolation.verify()).toEqual([])
  })

  /** What is broken, in whose name; `acme` and `globex` stand for their roles and databases. */
  const seeds: readonly (readonly [string, string, string, readonly string[], (readonly string[])?])[] = [
    ['D11', 'a provisioner that is a superuser', 'role P_provisioner', ['alter role P_provisioner superuser']],
    ['D11', 'a provisioner without CREATEDB', 'role P_provisioner', ['alter role P_provisioner nocreatedb']],
    [
      'D8',
      'a tenant’s database that PUBLIC may connect to',
      'database acme',
      ['grant connect on database acme to public'],
    ],
    ['D8', 'a template that takes connections', 'database P_tpl', ['alter database P_tpl allow_connections true']],
    ['D11', 'an owner that may log in', 'role acme', ['alter role acme login']],
    ['D11', 'an owner that is past row security', 'role acme', ['alter role acme bypassrls']],
    [
      'D11',
      'somebody who is a member of an owner',
      'role P_stranger',
      ['create role P_stranger', 'grant acme to P_stranger'],
      ['drop role P_stranger'],
    ],
    [
      'D11',
      'a login of one tenant that is a member of another’s owner',
      'role acme_login',
      ['grant globex to acme_login'],
      ['revoke globex from acme_login'],
    ],
    [
      'D3',
      'a lease without an end',
      'role P_lease',
      [
        'create role P_lease',
        `comment on role P_lease is '{"tenantry":"pg-database","lease":"x","tenant":"acmedigest"}'`,
        'grant acme to P_lease',
      ],
      ['drop role P_lease'],
    ],
  ]

  it.each(seeds)('%s %s', async (id, _, object, sql = [], undo = []) => {
    const named = (text: string) =>
      text
        .replaceAll('acmedigest', nameOf(acme).slice(ground.prefix.length))
        .replaceAll('acme', nameOf(acme))
        .replaceAll('globex', nameOf(globex))
        .replaceAll('P_', ground.prefix)
    for (const statement of sql) await ground.admin.query(named(statement))
    const found = (await isolation.verify()).filter(
      finding => finding.object === `${named(object as string)} on server one`,
    )
    expect(found.map(finding => finding.id)).toContain(id)
    const finding = found.find(one => one.id === id)
    expect(finding?.severity).toBe('error')
    const other = databaseIsolation(ground)
    expect(await failureOf(other.handle(() => acme).query('select 1'))).toMatchObject({ code: 'UNSAFE_CONFIGURATION' })
    expect(other.metrics().connections.opened).toBe(0)
    await other.close()
    // The fix is a statement that mends it.
    await ground.admin.query(finding?.fix ?? '')
    for (const statement of undo) await ground.admin.query(named(statement))
    expect(await isolation.verify()).toEqual([])
  })

  it('D8 a database of others that every login may connect to', async () => {
    const name = `${ground.prefix}open`
    await ground.admin.query(`create database ${name}`)
    const [finding, ...others] = await isolation.verify()
    expect([finding, others]).toMatchObject([
      { id: 'D8', severity: 'warning', object: `database ${name} on server one` },
      [],
    ])
    await ground.admin.query(String(finding?.fix))
    expect(await isolation.verify()).toEqual([])
    await ground.admin.query(`drop database ${name}`)
  })

  it('D4 a lease that should be gone', async () => {
    const role = `${ground.prefix}old`
    await ground.admin.query(`create role ${role} valid until '2020-01-01'`)
    await ground.admin.query(
      `comment on role ${role} is '{"tenantry":"pg-database","lease":"x","tenant":"${nameOf(acme).slice(ground.prefix.length)}"}'`,
    )
    await ground.admin.query(`grant ${nameOf(acme)} to ${role}`)
    expect(await isolation.verify()).toMatchObject([
      { id: 'D4', severity: 'warning', object: `role ${role} on server one` },
    ])
    await ground.admin.query(`drop role ${role}`)
  })

  describe('D7 a way to the server that others can read', () => {
    const found = (ssl?: boolean | { readonly rejectUnauthorized?: boolean }) =>
      databaseIsolation(ground, {
        servers: { one: { host: 'db.example.net', ...(ssl === undefined ? {} : { ssl }) } },
        provisioners: {},
      }).verify()
    it('without TLS', async () => expect(await found()).toMatchObject([{ id: 'D7', object: 'server one' }]))
    it('with TLS that proves nothing', async () =>
      expect(await found({ rejectUnauthorized: false })).toMatchObject([{ id: 'D7' }]))
    it('is fine with TLS', async () => expect(await found(true)).toEqual([]))
  })

  describe('S10 what is missing is told at the start, all of it, and nothing is sent', () => {
    it.each([
      ['no server', { servers: {} }, 'servers: there must be at least one'],
      ['no credentials', { credentials: undefined }, 'credentials: a source of credentials is missing'],
      ['a server without a host', { servers: { one: { host: '' } } }, 'servers.one.host: is missing'],
      ['a provisioner of no server', { provisioners: { two: {} } }, 'provisioners.two: there is no such server'],
    ])('%s', (_, options, problem) => {
      expect(() => databaseIsolation(ground, options as never)).toThrow(
        expect.objectContaining({
          code: 'CONFIG_INVALID',
          details: expect.objectContaining({ problems: expect.arrayContaining([problem]) }),
        }),
      )
    })
  })
})
