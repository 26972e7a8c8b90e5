import type { Tenant } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ownName } from '../src/placement.ts'
import { provisionDatabase } from '../src/provisioning/provision.ts'
import { provisionerPool } from '../src/provisioning/provisioner.ts'
import { failureOf, type Ground, makeGround, standing, tenantOn } from './support.ts'

describePostgres('provisioning that fails', server => {
  let ground: Ground
  beforeAll(async () => {
    ground = await makeGround(server)
  })
  afterAll(() => ground?.close())

  /** Provisions, with something done just before a statement is sent. */
  async function provisionWith(tenant: Tenant, before: (text: string) => Promise<unknown>): Promise<void> {
    const { host, port, provisioner, template } = ground
    const { database = '', epoch = '' } = tenant.placement
    const at = { server: { host, port }, login: provisioner }
    const pool = provisionerPool(at)
    pool.on('connect', client => {
      const send = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
      const query = async (...args: unknown[]) => {
        await before(String(args[0]))
        return send(...args)
      }
      Object.assign(client, { query })
    })
    const owner = ownName(tenant.id, ground.prefix)
    const target = { tenant: tenant.id, server: 'one', host, port, database, owner }
    const structure = { by: 'template', database: template } as const
    const terms = { at: { ...at, pool }, target, epoch, structure, source: standing() }
    await provisionDatabase(tenant, terms).finally(() => pool.end())
  }

  it('after the login was made takes that away too', async () => {
    const failure = await failureOf(
      provisionWith(tenantOn(ground), async text => {
        if (/^comment on role (?!.*(?:"making"|"login"))/.test(text)) throw new Error('not today')
      }),
    )
    expect(failure).toMatchObject({ code: 'PROVISIONING_FAILED', details: { step: 'ending' } })
    expect(await ground.left()).toEqual([])
  })

  it('because somebody else has just made a database of that name leaves it there', async () => {
    const tenant = tenantOn(ground)
    const { database } = tenant.placement
    const failure = await failureOf(
      provisionWith(tenant, async text => {
        if (!text.startsWith('create database')) return
        await ground.admin.query(`create database ${database} owner ${ground.provisioner.username}`)
      }),
    )
    expect(failure).toMatchObject({ code: 'PROVISIONING_FAILED' })
    expect(await ground.left()).toEqual([`database ${database}`])
    await ground.admin.query(`drop database ${database}`)
  })
})
