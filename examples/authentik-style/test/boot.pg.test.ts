import { readdir } from 'node:fs/promises'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { tenantSchemas } from '../src/schemas.ts'
import { build, type House } from './support.ts'

describePostgres('the first boot, and every other', server => {
  let house: House
  beforeEach(async () => {
    house = await build(server)
  })
  afterEach(() => house?.close())

  it('T10 T30 several processes that boot at once make one default tenant, which serves at once', async () => {
    const processes = await Promise.all([house.boot(), house.boot({}), house.boot()])
    for (const [index, { send }] of processes.entries())
      expect(await send({ method: 'POST', body: { text: `note ${index}` } })).toMatchObject({ status: 201 })
    expect(await processes[1]?.send({})).toMatchObject({
      body: [{ text: 'note 0' }, { text: 'note 1' }, { text: 'note 2' }],
    })
    expect(await processes[0]?.api('GET', '/tenants')).toEqual({
      status: 200,
      body: [{ name: 'Default', schema_name: 'public', status: 'active', domains: [] }],
    })
    expect(await house.schemas()).toEqual(['public', 'template', 'tenancy'])
    expect(await readdir(house.media)).toEqual(['public'])
  })

  it('T10 another boot finds the default tenant, and every other, as they were', async () => {
    const first = await house.boot()
    await first.api('POST', '/tenants', { name: 'Example', schema_name: 't_example' })
    await first.api('PUT', '/tenants/t_example/domains/example.org')
    for (const host of ['authentik.tld', 'example.org'])
      await first.send({ method: 'POST', host, body: { text: `of ${host}` } })
    const before = await house.admin.query('select * from tenancy.tenants order by id')

    const second = await house.boot()
    expect((await house.admin.query('select * from tenancy.tenants order by id')).rows).toEqual(before.rows)
    for (const host of ['authentik.tld', 'example.org'])
      expect(await second.send({ host })).toMatchObject({ body: [{ text: `of ${host}` }] })
  })

  it('T17 brings every schema and the template to the newest version', async () => {
    const first = await house.boot()
    await first.api('POST', '/tenants', { name: 'Example', schema_name: 't_example' })
    for (const schema of ['public', 'template', 't_example'])
      await house.admin.query(`drop table ${schema}.licences; delete from ${schema}.migrations where version = 2`)
    const second = await house.boot()
    await second.api('PUT', '/tenants/t_example/domains/example.org')
    await second.api('POST', '/tenants', { name: 'Globex', schema_name: 't_globex' })
    const newest = await house.structure('template')
    expect(newest.join()).toContain('licences')
    for (const schema of ['public', 't_example', 't_globex']) expect(await house.structure(schema)).toEqual(newest)
    for (const host of ['authentik.tld', 'example.org'])
      expect(await second.send({ host, path: '/licence' })).toMatchObject({ status: 200, body: { seats: 0 } })
  })

  it('leaves nothing unsafe behind', async () => {
    const { api } = await house.boot()
    for (const schema_name of ['t_example', 't_globex']) await api('POST', '/tenants', { name: 'One', schema_name })
    const isolation = tenantSchemas(house.storage)
    expect(await isolation.verify()).toEqual([])
    await isolation.close()
  })
})
