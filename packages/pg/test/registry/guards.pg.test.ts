import { type TenantStatus, transitions } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { describe, expect, it } from 'vitest'
import { movesOf } from '../../src/registry/schema/moves.ts'
import { refusal } from '../support.ts'
import { change, create, fresh, remove, useRegistry } from './support.ts'

const statuses: readonly TenantStatus[] = [
  'provisioning',
  'active',
  'suspended',
  'archived',
  'deprovisioning',
  'failed',
]

describePostgres('the guards of the registry', server => {
  const db = useRegistry(server)

  /** The SQLSTATE of what a hand has written, or `done`. */
  async function hand(as: 'owner' | 'runtime', text: string, values: readonly unknown[] = []): Promise<string> {
    return db.sql(as, text, values).then(
      () => 'done',
      (error: { code?: string; message: string }) => error.code ?? error.message,
    )
  }

  it('C17 P16 P20 there is one default and one control tenant, whoever is first', async () => {
    for (const flag of ['isDefault', 'isControl'] as const) {
      const rivals = await Promise.allSettled(
        Array.from({ length: 8 }, () => create(db.open({ max: 1 }), { [flag]: true })),
      )
      expect(rivals.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      for (const rival of rivals)
        if (rival.status === 'rejected')
          expect(rival.reason).toMatchObject({ code: 'TENANT_EXISTS', details: { field: flag } })
    }
    expect((await db.registry.findDefault())?.isDefault).toBe(true)
  })

  describe('T31 T30 P19 P3 hand-written SQL', () => {
    for (const as of ['runtime', 'owner'] as const) {
      for (const flag of ['is_default', 'is_control']) {
        it(`of the ${as} role cannot suspend, archive, end, demote or remove the tenant with ${flag}`, async () => {
          const update = (set: string) =>
            hand(as, `update tenantry.registry_tenants set ${set}, version = version + 1 where ${flag}`)
          for (const status of ['suspended', 'archived', 'deprovisioning', 'failed'])
            expect(await update(`status = '${status}'`)).toBe('TN001')
          expect(await update(`${flag} = false`)).toBe('TN001')
          expect(await hand(as, `delete from tenantry.registry_tenants where ${flag}`)).toBe('TN001')
          expect(await hand(as, 'delete from tenantry.registry_tenants')).toBe('TN001')
          expect(await update(`name = 'Renamed'`)).toBe('done')
        })
      }

      it(`of the ${as} role cannot make a suspended tenant the default`, async () => {
        const { id } = await create(db.registry)
        await change(db.registry, 'suspend', id, { status: 'suspended' })
        const text = 'update tenantry.registry_tenants set is_default = true, version = version + 1 where id = $1'
        expect(await hand(as, text, [id])).toBe('23514')
      })

      it(`of the ${as} role cannot change an id, nor a version but by one`, async () => {
        const { id } = await create(db.registry)
        const update = (set: string) => hand(as, `update tenantry.registry_tenants set ${set} where id = $1`, [id])
        expect(await update(`id = 'another', version = version + 1`)).toBe('TN003')
        for (const set of ["name = 'x'", 'version = version + 2', 'version = version - 1'])
          expect(await update(set)).toBe('TN002')
        expect(await update('version = version + 1')).toBe('done')
      })
    }

    it('T30 cannot remove the default or the control tenant that could not be made either', async () => {
      const spoil = (status: string) =>
        db.sql(
          'admin',
          `begin; set local session_replication_role = replica; update tenantry.registry_tenants set status = '${status}' where is_default or is_control; commit`,
        )
      await spoil('failed')
      for (const as of ['owner', 'runtime'] as const)
        for (const flag of ['is_default', 'is_control'])
          expect(await hand(as, `delete from tenantry.registry_tenants where ${flag}`)).toBe('TN001')
      await spoil('active')
    })

    it('truncates nothing', async () => {
      const tables = [
        'tenants',
        'domains',
        'identities',
        'placements',
        'names',
        'secrets',
        'operations',
        'steps',
        'audit',
        'audit_head',
      ]
      for (const table of tables) {
        expect(await hand('owner', `truncate tenantry.registry_${table} cascade`)).toBe('TN003')
        expect(await hand('runtime', `truncate tenantry.registry_${table}`)).toBe('42501')
      }
    })

    it('removes nothing that is kept for ever, and rewrites no operation', async () => {
      const { id } = await create(db.registry)
      for (const table of ['names', 'operations', 'audit'] as const) {
        expect(await hand('owner', `delete from tenantry.registry_${table} where tenant = $1`, [id])).toBe('TN003')
        expect(await hand('runtime', `delete from tenantry.registry_${table} where tenant = $1`, [id])).toBe('42501')
      }
      for (const table of ['names', 'audit'] as const) {
        expect(await hand('owner', `update tenantry.registry_${table} set tenant = 'x' where tenant = $1`, [id])).toBe(
          'TN003',
        )
        expect(
          await hand('runtime', `update tenantry.registry_${table} set tenant = 'x' where tenant = $1`, [id]),
        ).toBe('42501')
      }
      for (const as of ['owner', 'runtime'] as const) {
        for (const set of ["actor = 'eve'", "state = 'running'", "outcome = '1'"])
          expect(await hand(as, `update tenantry.registry_operations set ${set} where tenant = $1`, [id])).toBe('TN003')
      }
    })

    it('moves a tenant along the table of transitions only: every pair of statuses', async () => {
      const moves = movesOf()
      for (const from of statuses) {
        for (const to of [...statuses, null]) {
          const id = fresh('pair')
          await db.sql(
            'admin',
            `set session_replication_role = replica; insert into tenantry.registry_tenants (id, slug, name, status) values ('${id}', '${id}', 'P', '${from}'); set session_replication_role = origin`,
          )
          const text =
            to === null
              ? 'delete from tenantry.registry_tenants where id = $1'
              : `update tenantry.registry_tenants set status = '${to}', version = version + 1 where id = $1`
          const allowed = from === to || moves.some(move => move.from === from && move.to === to)
          expect([from, to, await hand('runtime', text, [id])]).toEqual([from, to, allowed ? 'done' : 'TN001'])
        }
      }
      for (const status of statuses) {
        const id = fresh('begin')
        const text = 'insert into tenantry.registry_tenants (id, slug, name, status) values ($1, $1, $1, $2)'
        const allowed = status === 'provisioning' || status === 'active'
        expect([status, await hand('runtime', text, [id, status])]).toEqual([status, allowed ? 'done' : 'TN001'])
      }
    })
  })

  it('the table of transitions in the database is that of the core, and a registry of another version refuses to start', async () => {
    const rows = await db.sql('runtime', 'select kind, from_status, to_status, guarded from tenantry.registry_moves')
    const inCore = movesOf().map(({ kind, from, to, guarded }) => ({ kind, from_status: from, to_status: to, guarded }))
    const sorted = (list: readonly object[]) => list.map(row => JSON.stringify(row)).sort()
    expect(sorted(rows)).toEqual(sorted(inCore))
    expect(new Set(rows.map(({ kind }) => kind))).toEqual(
      new Set(Object.entries(transitions).flatMap(([kind, { during }]) => (during === 'same' ? [] : [kind]))),
    )
    await db.sql('owner', `update tenantry.registry_moves set guarded = false where kind = 'suspend'`)
    expect(await refusal(db.open().ready())).toBe('UNSAFE_CONFIGURATION')
    await db.sql('owner', `update tenantry.registry_moves set guarded = true where kind = 'suspend'`)
    await db.open().ready()
  })

  describe('names', () => {
    it('L5 C05 an id, a slug and a storage key are never given to another tenant, also behind the end of theirs', async () => {
      const id = fresh('Gone')
      const schema = fresh('t_gone')
      await create(db.registry, { id, slug: 'gone', placement: { schema }, domains: ['gone.example'] })
      await remove(db.registry, id)
      expect(await db.registry.find({ kind: 'id', value: id })).toBeUndefined()
      const taken = async (input: object) =>
        create(db.registry, input).then(
          () => 'done',
          (error: { code: string; details: { field: string; value: string } }) => [
            error.code,
            error.details.field,
            error.details.value,
          ],
        )
      expect(await taken({ id, slug: 'other' })).toEqual(['TENANT_EXISTS', 'id', id])
      expect(await taken({ id: id.toLowerCase(), slug: 'other' })).toEqual(['TENANT_EXISTS', 'id', id.toLowerCase()])
      expect(await taken({ slug: 'gone' })).toEqual(['TENANT_EXISTS', 'slug', 'gone'])
      expect(await taken({ placement: { schema: schema.toUpperCase() } })).toEqual([
        'TENANT_EXISTS',
        'storageKey',
        schema.toUpperCase(),
      ])
      expect(await taken({ placement: { database: schema }, domains: ['gone.example'] })).toBe('done')
    })

    it('L5 A13 a tenant may have its own former slug again, nobody else, and its id stays', async () => {
      const { id } = await create(db.registry, { slug: 'first' })
      expect((await change(db.registry, 'rename', id, { slug: 'second' })).id).toBe(id)
      expect(await db.registry.find({ kind: 'slug', value: 'first' })).toBeUndefined()
      expect(await refusal(create(db.registry, { slug: 'first' }))).toBe('TENANT_EXISTS')
      const other = await create(db.registry)
      expect(await refusal(change(db.registry, 'rename', other.id, { slug: 'first' }))).toBe('TENANT_EXISTS')
      expect((await change(db.registry, 'rename', id, { slug: 'first' })).slug).toBe('first')
      expect((await db.registry.find({ kind: 'slug', value: 'first' }))?.id).toBe(id)
    })

    it('T39 a storage key is unique without regard to case, and never changes', async () => {
      const { id } = await create(db.registry, { placement: { schema: 't_kept', server: 'eu' } })
      expect(await refusal(create(db.registry, { placement: { schema: 'T_KEPT' } }))).toBe('TENANT_EXISTS')
      await create(db.registry, { placement: { schema: 't_other', server: 'eu' } })
      for (const as of ['owner', 'runtime'] as const) {
        const placement = (text: string) => hand(as, `${text} where tenant = $1 and key = 'schema'`, [id])
        expect(await placement(`update tenantry.registry_placements set value = 'x'`)).toBe('TN003')
        expect(await placement('update tenantry.registry_placements set is_storage_key = false')).toBe('TN003')
        expect(await placement('delete from tenantry.registry_placements')).toBe('TN003')
      }
      const { id: thief } = await create(db.registry, { placement: { server: 'eu' } })
      const steal = `insert into tenantry.registry_placements (tenant, key, value, is_storage_key) values ($1, 'schema', 'T_kept', false)`
      expect(await hand('runtime', steal, [thief])).toBe('23505')
      const turn = `update tenantry.registry_placements set key = 'schema', value = 't_kept' where tenant = $1 and key = 'server'`
      expect(await hand('runtime', turn, [thief])).toBe('23505')
      expect(await refusal(create(db.open({ storageKeys: [] }), { placement: { schema: 't_kept' } }))).toBe(
        'TENANT_EXISTS',
      )
      const move = `update tenantry.registry_placements set value = 'us' where tenant = $1 and key = 'server'`
      expect(await hand('runtime', move, [id])).toBe('done')
      expect(await db.registry.find({ kind: 'id', value: id })).toMatchObject({
        version: 2,
        placement: { server: 'us' },
      })
    })

    it('A08 the database itself refuses a slug or a domain that is none', async () => {
      const { id } = await create(db.registry)
      for (const slug of ['', 'Upper', 'a_b', '-a', 'a-', 'a.b', 'a'.repeat(64)])
        expect(
          await hand('runtime', 'update tenantry.registry_tenants set slug = $2, version = version + 1 where id = $1', [
            id,
            slug,
          ]),
        ).toBe('23514')
      for (const domain of [
        '',
        'Upper.example',
        'a_b.example',
        '.example',
        'example.',
        'a..b',
        `${'a'.repeat(64)}.example`,
      ])
        expect(
          await hand('runtime', 'insert into tenantry.registry_domains (name, tenant) values ($2, $1)', [id, domain]),
        ).toBe('23514')
    })
  })

  it('a domain that is changed by hand raises the version of its tenant, once in a transaction', async () => {
    const { id } = await create(db.registry)
    await db.sql('runtime', 'insert into tenantry.registry_domains (name, tenant) values ($2, $1), ($3, $1)', [
      id,
      `${id}.one`,
      `${id}.two`,
    ])
    expect((await db.registry.find({ kind: 'id', value: id }))?.version).toBe(2)
    expect((await change(db.registry, 'setDomains', id, { domains: [`${id}.three`] })).version).toBe(3)
  })
})
