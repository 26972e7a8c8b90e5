import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { build, type House, type Process } from './support.ts'

describePostgres('a request belongs to the tenant of its domain', server => {
  let house: House
  let app: Process
  beforeAll(async () => {
    house = await build(server)
    app = await house.boot()
    for (const [schema_name, domains] of [
      ['t_example', ['example.org', 'Example.NET', 'bücher.example']],
      ['t_globex', ['globex.example']],
      ['t_hidden', []],
    ] as const) {
      await app.api('POST', '/tenants', { name: 'One', schema_name })
      for (const domain of domains)
        await app.api('PUT', `/tenants/${schema_name}/domains/${encodeURIComponent(domain)}`)
    }
    for (const host of ['authentik.tld', 'example.org', 'globex.example'])
      await app.send({ method: 'POST', host, body: { text: `of ${host}` } })
  })
  afterAll(() => house?.close())

  async function notes(host: string): Promise<unknown> {
    const { status, body } = await app.send({ host })
    return status === 200 ? (body as { text: string }[]).map(({ text }) => text).join() : status
  }

  it.each([
    'authentik.tld',
    'any.other.tld',
    'localhost',
    '127.0.0.1',
    '[::1]:3000',
    't_example',
    't_hidden',
    'public',
  ])('T33 T38 %s belongs to the default tenant', async host => {
    expect(await notes(host)).toBe('of authentik.tld')
  })

  it('T34 a tenant without a domain is reached by no host, until it has one', async () => {
    expect(await notes('hidden.example')).toBe('of authentik.tld')
    await app.api('PUT', '/tenants/t_hidden/domains/hidden.example')
    expect(await notes('hidden.example')).toBe('')
  })

  it.each(['example.org', 'EXAMPLE.org', 'example.org:8443', 'example.org.', 'example.net', 'xn--bcher-kva.example'])(
    'T35 T36 %s belongs to the tenant that has the domain',
    async host => {
      expect(await notes(host)).toBe('of example.org')
    },
  )

  it.each(['subdomain.example.org', 'www.example.org', 'example.org.evil.tld', 'xexample.org', 'example.or', 'org'])(
    'T37 %s does not, and belongs to the default tenant',
    async host => {
      expect(await notes(host)).toBe('of authentik.tld')
    },
  )

  it.each(['example.org, globex.example', 'user@example.org', 'example.org/notes', 'exam%70le.org'])(
    'the host %s is refused: what is malformed never falls back',
    async host => {
      expect(await notes(host)).toBe(400)
    },
  )

  it('T35 a domain that is taken away belongs to the default tenant again', async () => {
    await app.api('PUT', '/tenants/t_example/domains/short.example')
    expect(await notes('short.example')).toBe('of example.org')
    expect(await app.api('DELETE', '/tenants/t_globex/domains/short.example')).toMatchObject({ status: 404 })
    expect(await app.api('DELETE', '/tenants/t_example/domains/Short.Example')).toMatchObject({ status: 200 })
    expect(await notes('short.example')).toBe('of authentik.tld')
  })

  it('T07 T32 each tenant has its own table of one name; that of the default tenant is in public', async () => {
    const { rows } = await house.admin.query(
      `select 'public' as schema, text from public.notes union all select 't_example', text from t_example.notes
       union all select 't_globex', text from t_globex.notes order by 1`,
    )
    expect(rows).toEqual([
      { schema: 'public', text: 'of authentik.tld' },
      { schema: 't_example', text: 'of example.org' },
      { schema: 't_globex', text: 'of globex.example' },
    ])
  })

  it.each(['t_example.notes', 'public.notes', 'template.notes', 'tenancy.tenants', 't_example.licences'])(
    'T40 a query that names %s is refused by the server, by SQL that was injected too',
    async table => {
      const inject = (sql: string) =>
        app.send({ host: 'globex.example', path: `/notes?order=${encodeURIComponent(sql)}` })
      expect(await inject('(select text from notes limit 1)')).toMatchObject({ status: 200 })
      expect(await inject(`(select count(*) from ${table})`)).toMatchObject({ status: 403, body: { code: '42501' } })
    },
  )

  it('T08 licences stand in the schema of their tenant', async () => {
    for (const key of ['one', 'two'])
      await app.send({ method: 'POST', host: 'example.org', path: '/licence', body: { key, seats: 50 } })
    expect(await app.send({ host: 'example.org', path: '/licence' })).toMatchObject({ body: { seats: 100 } })
    expect(await app.send({ host: 'globex.example', path: '/licence' })).toMatchObject({ body: { seats: 0 } })
    expect(await app.send({ path: '/licence' })).toMatchObject({ body: { seats: 0 } })
  })

  it('T19 files stand in a folder of the name of the schema', async () => {
    const file = (method: string, host: string, name: string, body?: Buffer) =>
      app.send({ method, host, path: `/files/${name}`, body })
    expect(await file('PUT', 'example.org', 'logo.svg', Buffer.from('<svg/>'))).toMatchObject({ status: 201 })
    expect(await file('GET', 'example.org', 'logo.svg')).toEqual({ status: 200, body: '<svg/>' })
    for (const host of ['globex.example', 'authentik.tld']) {
      expect(await file('GET', host, 'logo.svg')).toMatchObject({ status: 404 })
      for (const name of ['..%2Ft_example%2Flogo.svg', '%2e%2e%2ft_example%2flogo.svg', '%2Fetc%2Fpasswd'])
        expect(await file('GET', host, name)).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } })
      expect(await file('GET', host, '../t_example/logo.svg')).toMatchObject({ status: 404 })
    }
  })
})
