import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { authorization, build, type House, type Process, withKey } from './support.ts'

const calls = [
  { method: 'GET', path: '/tenancy/tenants' },
  { method: 'POST', path: '/tenancy/tenants', body: { name: 'X', schema_name: 't_never' } },
  { method: 'DELETE', path: '/tenancy/tenants/t_example' },
  { method: 'PUT', path: '/tenancy/tenants/t_example/domains/x.example' },
  { method: 'DELETE', path: '/tenancy/tenants/t_example/domains/example.org' },
  { method: 'GET', path: '/tenancy/no-such-thing' },
]

/** Who calls without the key, and with what. */
const strangers = [
  ['no key', {}],
  ['an empty one', { authorization: 'Bearer ' }],
  ['another', { authorization: `Bearer ${'x'.repeat(withKey.TENANTS_API_KEY.length)}` }],
  ['a part of it', { authorization: authorization.slice(0, -1) }],
  ['more than it', { authorization: `${authorization}x` }],
  ['another scheme', { authorization: authorization.replace('Bearer', 'Basic') }],
  ['another header', { 'x-api-key': withKey.TENANTS_API_KEY }],
] as const

/** What is no `schema_name`, and the rule that it breaks. */
const badSchemaNames = [
  ['no schema_name', undefined, 'it is no text'],
  ['a schema_name without t_', 'x_a', 'it must begin with "t_" and go on'],
  ['nothing behind t_', 't_', 'it must begin with "t_" and go on'],
  ['64 bytes', `t_${'x'.repeat(62)}`, 'it has 64 bytes, and Postgres keeps 63'],
  ['64 bytes with another end', `t_${'x'.repeat(61)}y`, 'it has 64 bytes, and Postgres keeps 63'],
  ['upper case', 't_Example', 'it must be lower-case letters, digits and "_", and not begin with a digit'],
  ['SQL', 't_x; drop schema public', 'it must be lower-case letters, digits and "_", and not begin with a digit'],
  ['the schema of the default tenant', 'public', 'it must begin with "t_" and go on'],
] as const

/** What is no `name`. */
const badNames = [
  ['no name', undefined],
  ['an empty name', ''],
  ['a name of 201', 'x'.repeat(201)],
  ['a number', 7],
] as const

describePostgres('the tenancy API', server => {
  let house: House
  let app: Process
  beforeAll(async () => {
    house = await build(server)
    app = await house.boot()
    await app.api('POST', '/tenants', { name: 'Example', schema_name: 't_example' })
    await app.api('PUT', '/tenants/t_example/domains/example.org')
  })
  afterAll(() => house?.close())
  const list = async () =>
    (await app.api('GET', '/tenants')).body as { schema_name: string; status: string; domains: string[] }[]
  const create = (schema_name: unknown, name: unknown = 'One') => app.api('POST', '/tenants', { name, schema_name })

  describe('is closed', () => {
    it('T22 and absent unless TENANTS_ENABLED is true', async () => {
      const before = await list()
      for (const env of [{ TENANTS_API_KEY: withKey.TENANTS_API_KEY }, { ...withKey, TENANTS_ENABLED: 'false' }]) {
        const { send } = await house.boot(env)
        for (const call of calls)
          expect(await send({ ...call, headers: { authorization } })).toEqual({
            status: 404,
            body: { title: 'Not found.' },
          })
      }
      expect(await list()).toEqual(before)
    })

    it('T23 to everybody while no key is configured', async () => {
      for (const env of [{ TENANTS_ENABLED: 'true' }, { TENANTS_ENABLED: 'true', TENANTS_API_KEY: '' }]) {
        const { send } = await house.boot(env)
        for (const call of calls)
          for (const given of [authorization, 'Bearer ', 'Bearer undefined', ''])
            expect(await send({ ...call, headers: { authorization: given } })).toMatchObject({ status: 401 })
      }
    })

    it.each(strangers)('T23 to a caller with %s', async (_, headers) => {
      const before = await list()
      for (const call of calls)
        expect(await app.send({ ...call, headers: headers as Record<string, string> })).toMatchObject({
          status: 401,
          body: { type: 'urn:tenantry:error:CREDENTIAL_INVALID', status: 401, code: 'CREDENTIAL_INVALID' },
        })
      expect(await list()).toEqual(before)
    })

    it('T22 and a word that is neither true nor false stops the boot', async () => {
      await expect(house.boot({ TENANTS_ENABLED: 'yes' })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    })
  })

  describe('creates', () => {
    it('T15 T16 a schema like the template, T17 at its version, and without data though other tenants have some', async () => {
      await app.send({ method: 'POST', host: 'example.org', body: { text: 'a note' } })
      expect(await create('t_cloned')).toEqual({ status: 201, body: { name: 'One', schema_name: 't_cloned' } })
      const template = await house.structure('template')
      expect(template.length).toBeGreaterThan(8)
      expect(await house.structure('t_cloned')).toEqual(template)
      const rows = async (schema: string) => {
        const { rows } = await house.admin.query(
          `select (select count(*) from ${schema}.notes) as notes, (select count(*) from ${schema}.licences) as licences,
                  array(select version from ${schema}.migrations order by 1) as versions`,
        )
        return rows[0]
      }
      expect(await rows('t_cloned')).toEqual({ notes: '0', licences: '0', versions: [1, 2] })
      expect(await rows('template')).toEqual(await rows('t_cloned'))
    })

    it('T25 T26 tenants of one name', async () => {
      expect(await create('t_first', 'Twins')).toMatchObject({ status: 201 })
      expect(await create('t_second', 'Twins')).toMatchObject({ status: 201 })
    })

    it.each(badSchemaNames)('T27 T28 T29 nothing for %s', async (_, schema_name, rule) => {
      const before = { tenants: await list(), schemas: await house.schemas() }
      expect(await create(schema_name)).toMatchObject({
        status: 400,
        body: { code: 'INPUT_INVALID', detail: `schema_name: ${rule}.` },
      })
      expect({ tenants: await list(), schemas: await house.schemas() }).toEqual(before)
    })

    it.each(badNames)('T26 nothing for %s', async (_, name) => {
      expect(await app.api('POST', '/tenants', { name, schema_name: 't_nameless' })).toMatchObject({
        status: 400,
        body: { code: 'INPUT_INVALID' },
      })
      expect(await house.schemas()).not.toContain('t_nameless')
    })

    it('nothing for a body that is no JSON', async () => {
      const headers = { authorization, 'content-type': 'application/json' }
      const call = { method: 'POST', path: '/tenancy/tenants', headers }
      expect(await app.send({ ...call, body: '{' })).toMatchObject({ status: 400 })
    })

    it('T29 a schema of 63 bytes, under this very name', async () => {
      const longest = `t_${'x'.repeat(61)}`
      expect(await create(longest)).toMatchObject({ status: 201 })
      expect(await house.schemas()).toContain(longest)
    })

    it('one tenant when two ask at once, and no second one', async () => {
      const answers = await Promise.all([create('t_race'), create('t_race'), create('t_race')])
      expect(answers.map(({ status }) => status).filter(status => status !== 201 && status !== 409)).toEqual([])
      expect((await list()).filter(({ schema_name }) => schema_name === 't_race')).toHaveLength(1)
      expect(await create('t_race')).toMatchObject({ status: 409, body: { code: 'TENANT_EXISTS' } })
      expect(await app.api('PUT', '/tenants/t_race/domains/race.example')).toMatchObject({ status: 201 })
      expect(await app.send({ host: 'race.example' })).toEqual({ status: 200, body: [] })
    })

    it('nothing over a schema that somebody else has made, and does not burn the name', async () => {
      await house.admin.query('create schema t_taken; create table t_taken.theirs (id int)')
      expect(await create('t_taken')).toMatchObject({ status: 409, body: { code: 'OBJECT_FOREIGN' } })
      expect((await list()).map(({ schema_name }) => schema_name)).not.toContain('t_taken')
      expect((await house.admin.query('select from t_taken.theirs')).rowCount).toBe(0)
      await house.admin.query('drop schema t_taken cascade')
      expect(await create('t_taken')).toMatchObject({ status: 201 })
    })

    it('nothing beside a folder that somebody else has filled, and does not burn the name', async () => {
      const before = await house.schemas()
      const folder = join(house.media, 't_filled')
      await mkdir(folder)
      await writeFile(join(folder, 'left.txt'), 'of somebody else')
      expect(await create('t_filled')).toMatchObject({ status: 409, body: { code: 'OBJECT_FOREIGN' } })
      expect(await house.schemas()).toEqual(before)
      await rm(join(folder, 'left.txt'))
      expect(await create('t_filled')).toMatchObject({ status: 201 })
    })

    it('what was given up half-way, when it is called again', async () => {
      await house.admin.query(`insert into tenancy.tenants (name, schema_name) values ('Half', 't_half')`)
      await app.api('PUT', '/tenants/t_half/domains/half.example')
      expect(await app.send({ host: 'half.example' })).toMatchObject({
        status: 503,
        body: { code: 'TENANT_NOT_READY' },
      })
      expect(await create('t_half')).toMatchObject({ status: 201 })
      expect(await app.send({ host: 'half.example' })).toEqual({ status: 200, body: [] })
    })
  })

  describe('gives domains', () => {
    it('T35 each to one tenant, which may have many', async () => {
      await create('t_many')
      for (const domain of ['a.example', 'B.Example.', 'xn--bcher-kva.example'])
        expect(await app.api('PUT', `/tenants/t_many/domains/${domain}`)).toMatchObject({ status: 201 })
      expect((await list()).find(({ schema_name }) => schema_name === 't_many')?.domains).toEqual([
        ...['a.example', 'b.example', 'xn--bcher-kva.example'],
      ])
      for (const [tenant, domain] of [
        ['t_example', 'A.example'],
        ['t_many', 'a.example'],
        ['t_many', 'example.org'],
      ])
        expect(await app.api('PUT', `/tenants/${tenant}/domains/${domain}`)).toMatchObject({
          status: 409,
          body: { code: 'TENANT_EXISTS' },
        })
    })

    it.each(['a.example:80', 'a b', '*.example', 'user@a.example', 'a..example', '%2F', `${'a'.repeat(64)}.example`])(
      'and none that no request can have: %s',
      async domain => {
        const path = `/tenants/t_example/domains/${encodeURIComponent(domain)}`
        expect(await app.api('PUT', path)).toMatchObject({ status: 400, body: { code: 'INPUT_INVALID' } })
      },
    )

    it('to nobody who is not there', async () => {
      expect(await app.api('PUT', '/tenants/t_nobody/domains/x.example')).toMatchObject({ status: 404 })
    })
  })

  describe('deletes', () => {
    it('T30 T31 never the default tenant, and neither does the database', async () => {
      expect(await app.api('DELETE', '/tenants/public')).toMatchObject({
        status: 409,
        body: { code: 'TENANT_PROTECTED' },
      })
      const byHand = house.storage.provisioner.query('delete from tenancy.tenants')
      await expect(byHand).rejects.toThrow('The default tenant stays.')
      expect((await list())[0]).toMatchObject({ schema_name: 'public', status: 'active' })
      expect(await app.send({})).toMatchObject({ status: 200 })
    })

    it('a tenant with its schema, role, files and domains, and says what that was', async () => {
      const roles = async () =>
        (await house.admin.query('select rolname from pg_roles where starts_with(rolname, $1)', [house.database.name]))
          .rowCount
      const before = { schemas: await house.schemas(), roles: await roles() }
      await create('t_gone')
      await app.api('PUT', '/tenants/t_gone/domains/gone.example')
      await app.send({ method: 'POST', host: 'gone.example', body: { text: 'a note' } })
      await app.send({ method: 'PUT', host: 'gone.example', path: '/files/one', body: Buffer.from('1') })
      const { status, body } = await app.api('DELETE', '/tenants/t_gone')
      expect(status).toBe(200)
      expect((body as { erased: object[] }).erased).toEqual(
        expect.arrayContaining([
          { kind: 'table', name: 't_gone.notes', count: 1 },
          { kind: 'schema', name: 't_gone', count: 1 },
          expect.objectContaining({ kind: 'role' }),
          expect.objectContaining({ kind: 'files', count: 1 }),
        ]),
      )
      expect({ schemas: await house.schemas(), roles: await roles() }).toEqual(before)
      expect(await readdir(house.media)).not.toContain('t_gone')
      expect((await list()).map(({ schema_name }) => schema_name)).not.toContain('t_gone')
      expect(await app.api('DELETE', '/tenants/t_gone')).toMatchObject({ status: 404 })
      // The next tenant of this name has nothing of the last.
      await create('t_gone')
      await app.api('PUT', '/tenants/t_gone/domains/gone.example')
      expect(await app.send({ host: 'gone.example' })).toEqual({ status: 200, body: [] })
      expect(await app.send({ host: 'gone.example', path: '/files' })).toEqual({ status: 200, body: [] })
    })

    it('what was given up half-way, which is served to nobody meanwhile, not even by the default tenant', async () => {
      await create('t_leaving')
      await app.api('PUT', '/tenants/t_leaving/domains/leaving.example')
      await house.admin.query('create view public.spy as select * from t_leaving.notes')
      const log = vi.spyOn(console, 'error').mockImplementation(() => undefined)
      expect(await app.api('DELETE', '/tenants/t_leaving')).toMatchObject({ body: { code: 'ERASURE_INCOMPLETE' } })
      expect(log.mock.calls).toEqual([[expect.stringContaining('view public.spy'), expect.anything()]])
      log.mockRestore()
      expect(await app.send({ host: 'leaving.example' })).toMatchObject({
        status: 404,
        body: { code: 'TENANT_NOT_FOUND' },
      })
      expect(await create('t_leaving')).toMatchObject({ status: 409 })
      await house.admin.query('drop view public.spy')
      expect(await app.api('DELETE', '/tenants/t_leaving')).toMatchObject({ status: 200 })
      expect(await house.schemas()).not.toContain('t_leaving')
    })
  })
})
