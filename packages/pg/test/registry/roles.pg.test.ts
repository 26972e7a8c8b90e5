import { isTenancyError } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { describe, expect, it } from 'vitest'
import { migrateRegistry } from '../../src/registry/index.ts'
import { failure, refusal } from '../support.ts'
import { create, useRegistry } from './support.ts'

describePostgres('the roles of the registry', server => {
  const db = useRegistry(server)

  /** `<id> <object>` of each finding. */
  async function findings(as: 'admin' | 'owner' | 'runtime' = 'runtime'): Promise<string[]> {
    const error = await failure(db.open({ pool: db.pool(as) }).ready())
    if (!isTenancyError(error) || error.code !== 'UNSAFE_CONFIGURATION') throw error
    return error.details.findings.map(({ id, object }) => `${id} ${object}`)
  }

  /** What is found while something is so; each is mended by its own fix, or by the way back. */
  async function while_(as: 'admin' | 'owner', wrong: string, back: string | undefined): Promise<string[]> {
    await db.sql(as, wrong)
    const found = await db.open().verify()
    for (const { fix } of found) await db.sql(as, back ?? fix)
    await db.open().ready()
    return found.map(({ id, object }) => `${id} ${object}`)
  }

  it('are safe as migrateRegistry makes them', async () => {
    expect(await db.open().verify()).toEqual([])
  })

  it('P12 the role of the registry cannot read data of tenants, and nothing starts when it can', async () => {
    await db.sql(
      'owner',
      `create table public.notes (tenant_id text, text text); insert into public.notes values ('t', 'a secret')`,
    )
    await expect(db.sql('runtime', 'select * from public.notes')).rejects.toMatchObject({ code: '42501' })
    await db.open().ready()
    const role = db.database.runtimeRole
    for (const grant of [
      `select on public.notes to ${role}`,
      'insert on public.notes to public',
      `select (text) on public.notes to ${role}`,
    ]) {
      expect(await while_('owner', `grant ${grant}`, undefined)).toEqual(['P12 table public.notes'])
    }
  })

  it('P12 through a role that it may become, too', async () => {
    const reader = `${db.database.name}_reader`
    await db.sql(
      'admin',
      `create role ${reader}; grant usage on schema public to ${reader}; grant select on public.notes to ${reader}; grant ${reader} to ${db.database.runtimeRole}`,
    )
    try {
      expect((await db.open().verify()).map(({ object }) => object)).toContain('table public.notes')
    } finally {
      await db.sql('admin', `drop owned by ${reader}; drop role ${reader}`)
    }
    await db.open().ready()
  })

  it('P3 a superuser and the owner of the tables are refused', async () => {
    expect(await findings('admin')).toEqual([expect.stringMatching(/^P3 role /)])
    expect(await findings('owner')).toContain('P3 table tenantry.registry_tenants')
  })

  it('P12 powers that the registry needs for nothing are refused', async () => {
    const role = db.database.runtimeRole
    expect(await while_('admin', `alter role ${role} createdb`, undefined)).toEqual([`P12 role ${role}`])
    expect(
      await while_('admin', `grant pg_read_all_data to ${role}`, `revoke pg_read_all_data from ${role}`),
    ).toContain(`P12 role ${role}`)
  })

  it('P4 P3 more than was granted is refused, each with the statement that mends it', async () => {
    const role = db.database.runtimeRole
    const table = (name: string) => `P4 table tenantry.registry_${name}`
    expect(
      await while_('owner', `grant update, delete, truncate on tenantry.registry_audit to ${role}`, undefined),
    ).toEqual([table('audit')])
    expect(
      await while_(
        'owner',
        `grant insert on tenantry.registry_audit to ${role}`,
        `revoke insert on tenantry.registry_audit from ${role}; grant insert (action, actor, tenant, reason, details) on tenantry.registry_audit to ${role}`,
      ),
    ).toEqual([table('audit')])
    expect(await while_('owner', `grant update on tenantry.registry_audit_head to public`, undefined)).toEqual([
      table('audit_head'),
    ])
    expect(await while_('owner', `grant delete on tenantry.registry_operations to ${role}`, undefined)).toEqual([
      table('operations'),
    ])
    expect(await while_('owner', `grant insert on tenantry.registry_names to ${role}`, undefined)).toEqual([
      table('names'),
    ])
    expect(await while_('owner', `grant trigger on tenantry.registry_tenants to ${role}`, undefined)).toEqual([
      table('tenants'),
    ])
    expect(await while_('owner', `grant create on schema tenantry to ${role}`, undefined)).toEqual([
      'P3 schema tenantry',
    ])
  })

  it('P3 P4 a guard that is switched off or gone is found, and nothing starts', async () => {
    const off = 'alter table tenantry.registry_tenants disable trigger registry_tenants_guard_delete'
    expect(await while_('owner', off, undefined)).toEqual([
      'P3 trigger registry_tenants_guard_delete of tenantry.registry_tenants',
    ])
    const gone = 'drop trigger registry_audit_refuse on tenantry.registry_audit'
    expect(await while_('owner', gone, undefined)).toEqual([
      'P3 trigger registry_audit_refuse of tenantry.registry_audit',
    ])
  })

  it('P3 P4 a role that can switch all guards off at once is found, and nothing starts', async () => {
    const role = db.database.runtimeRole
    const grant = `grant set on parameter session_replication_role to ${role}`
    expect(await while_('admin', grant, undefined)).toEqual([`P3 role ${role}`])
    await db.sql('admin', `alter role ${role} set session_replication_role = replica`)
    const open = db.open({ pool: db.pool('runtime', { max: 1 }) })
    expect((await open.verify()).map(({ id, object }) => `${id} ${object}`)).toEqual([`P3 role ${role}`])
    for (const { fix } of await open.verify()) await db.sql('admin', fix)
    await db.open({ pool: db.pool('runtime', { max: 1 }) }).ready()
  })

  it('nothing is asked of an unsafe registry, unless that is wished', async () => {
    const unsafe = db.open({ pool: db.pool('owner') })
    for (const ask of [
      () => unsafe.find({ kind: 'id', value: 'x' }),
      () => unsafe.findDefault(),
      () => unsafe.list()[Symbol.asyncIterator]().next(),
      () => unsafe.page(),
      () => unsafe.domains('x'),
      () => create(unsafe),
      () => unsafe.claim('x', 1),
      () => unsafe.operation('x'),
      () => unsafe.unfinished(1),
      () => unsafe.history('x'),
      () => unsafe.audit({ action: 'x', actor: 'y' }),
      () => unsafe.verifyAudit(),
      () => unsafe.auditTrail(),
      () => unsafe.getSecret('x', 'y'),
      () => unsafe.findByIdentity({ issuer: 'x', value: 'y' }),
    ])
      expect(await refusal(ask)).toBe('UNSAFE_CONFIGURATION')
    const logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
    expect(
      await db.open({ pool: db.pool('owner'), onUnsafe: 'report', logger }).find({ kind: 'id', value: 'x' }),
    ).toBeUndefined()
  })

  describe('migrating', () => {
    it('is done once, however many do it at once, and again without harm', async () => {
      const database = await server.freshDatabase()
      const pools = Array.from({ length: 5 }, () => db.pool('owner', { connectionString: database.ownerUrl }))
      await Promise.all(
        pools.map(pool => migrateRegistry({ pool, role: database.runtimeRole, schema: 'Odd "schema"' })),
      )
      const registry = db.open({
        pool: db.pool('runtime', { connectionString: database.runtimeUrl }),
        schema: 'Odd "schema"',
      })
      const { id } = await create(registry, { domains: ['odd.example'] })
      await migrateRegistry({ pool: pools[0] as never, role: database.runtimeRole, schema: 'Odd "schema"' })
      expect((await registry.find({ kind: 'domain', value: 'odd.example' }))?.id).toBe(id)
      expect(await registry.verify()).toEqual([])
      for (const pool of pools) await pool.end()
    })

    it('is refused in the schema public, for a role that is not there, and for a name that is none', async () => {
      const pool = db.pool('owner')
      const role = db.database.runtimeRole
      expect(await refusal(migrateRegistry({ pool, role, schema: 'public' }))).toBe('ARGUMENT_INVALID')
      expect(await refusal(migrateRegistry({ pool, role: 'nobody_at_all' }))).toBe('CONFIG_INVALID')
      expect(await refusal(migrateRegistry({ pool, role, schema: 'x'.repeat(64) }))).toBe('IDENTIFIER_INVALID')
      expect(await refusal(migrateRegistry({ pool: db.pool('runtime'), role, schema: 'another' }))).toBe(
        'CONFIG_INVALID',
      )
    })

    it('must have been done', async () => {
      expect(await refusal(db.open({ schema: 'elsewhere' }).ready())).toBe('UNSAFE_CONFIGURATION')
    })

    it('P4 gives an auditor the audit and nothing else', async () => {
      const auditor = `${db.database.name}_auditor`
      await db.sql('admin', `create role ${auditor}`)
      try {
        await migrateRegistry({ pool: db.pool('owner'), role: db.database.runtimeRole, auditor })
        await db.sql('admin', `begin; set local role ${auditor}; select * from tenantry.registry_audit; commit`)
        for (const text of [
          'select * from tenantry.registry_tenants',
          `insert into tenantry.registry_audit (action, actor) values ('x', 'y')`,
        ]) {
          await expect(db.sql('admin', `begin; set local role ${auditor}; ${text}`)).rejects.toMatchObject({
            code: '42501',
          })
          await db.sql('admin', 'rollback')
        }
      } finally {
        await db.sql('admin', `drop owned by ${auditor}; drop role ${auditor}`)
      }
    })
  })
})
