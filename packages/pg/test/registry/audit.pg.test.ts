import { describePostgres } from '@tenantry/servers/vitest'
import { beforeEach, describe, expect, it } from 'vitest'
import type { PostgresRegistry } from '../../src/registry/index.ts'
import { create, entryOf, useRegistry } from './support.ts'

describePostgres('P4 the audit of the registry', server => {
  const db = useRegistry(server)

  const odd = { ключ: ['“”', 1.5, null, { deep: '𝒳\n\t' }], empty: '', 'a:b': '1:x,-' }

  async function append(registry: PostgresRegistry, count: number): Promise<void> {
    for (let n = 0; n < count; n++)
      await registry.audit(entryOf('test.entry', { tenant: `t${n % 2}`, reason: `№ ${n}`, details: { ...odd, n } }))
  }

  /** What somebody does who can switch every guard off. */
  async function tamper(text: string): Promise<void> {
    await db.sql('admin', `begin; set local session_replication_role = replica; ${text}; commit`)
  }

  it('entries have a number, a time, who wrote them, and are read by tenant', async () => {
    await append(db.registry, 3)
    await create(db.registry, { id: 'audited' })
    const [entry] = await db.registry.auditTrail({ tenant: 'audited' })
    expect(entry).toMatchObject({ action: 'tenant.create', actor: 'ada', writtenBy: db.database.runtimeRole })
    expect(entry?.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    const numbers = (await db.registry.auditTrail({ after: 1, limit: 2 })).map(({ sequence }) => sequence)
    expect(numbers).toEqual([2, 3])
    expect((await db.registry.auditTrail({ limit: 1 }))[0]?.details).toEqual({ ...odd, n: 0 })
  })

  it('is one chain without gaps, however many write at once and give up', async () => {
    const before = await db.registry.verifyAudit()
    if (!before.ok) throw new Error(before.problem)
    const stores = Array.from({ length: 4 }, () => db.open({ max: 4 }))
    await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        if (n % 3 === 0) {
          const client = db.sql(
            'runtime',
            `begin; insert into tenantry.registry_audit (action, actor) values ('given up', 'x'); rollback`,
          )
          return client
        }
        await stores[n % 4]?.audit(entryOf('test.parallel'))
      }),
    )
    const after = await db.registry.verifyAudit()
    expect(after).toMatchObject({ ok: true, entries: before.entries + 133 })
    expect(await db.sql('owner', `select from tenantry.registry_audit where action = 'given up'`)).toEqual([])
  })

  it('the role of the registry can append and read, and can neither change what is there nor say a number, a time or a hash', async () => {
    for (const text of [
      `update tenantry.registry_audit set actor = 'eve'`,
      'delete from tenantry.registry_audit',
      'truncate tenantry.registry_audit',
      `insert into tenantry.registry_audit (sequence, action, actor) values (1, 'x', 'y')`,
      `insert into tenantry.registry_audit (at, action, actor) values (now(), 'x', 'y')`,
      `insert into tenantry.registry_audit (hash, action, actor) values ('', 'x', 'y')`,
      `insert into tenantry.registry_audit (written_by, action, actor) values ('x', 'x', 'y')`,
      'update tenantry.registry_audit_head set sequence = 0',
      'delete from tenantry.registry_audit_head',
      'alter table tenantry.registry_audit disable trigger all',
      'drop table tenantry.registry_audit',
    ])
      await expect(db.sql('runtime', text)).rejects.toMatchObject({ code: '42501' })
    for (const text of [
      `update tenantry.registry_audit set actor = 'eve'`,
      'delete from tenantry.registry_audit',
      'truncate tenantry.registry_audit',
    ])
      await expect(db.sql('owner', text)).rejects.toMatchObject({ code: 'TN003' })
  })

  describe('whoever can switch the guards off is found out', () => {
    beforeEach(async () => {
      await tamper(
        `truncate tenantry.registry_audit; update tenantry.registry_audit_head set sequence = 0, hash = decode(repeat('00', 32), 'hex')`,
      )
      await append(db.registry, 10)
    })

    const columns = {
      action: `'x'`,
      actor: `'eve'`,
      tenant: `'t9'`,
      reason: 'null',
      details: `details || '{"n": 99}'`,
      written_by: `'postgres'`,
      at: `at + interval '1 microsecond'`,
      hash: `sha256('x')`,
    }
    for (const [column, value] of Object.entries(columns)) {
      it(`by a changed ${column}`, async () => {
        await tamper(`update tenantry.registry_audit set ${column} = ${value} where sequence = 5`)
        expect(await db.registry.verifyAudit()).toMatchObject({
          ok: false,
          entries: 4,
          sequence: 5,
          problem: 'was changed',
        })
      })
    }

    it('by a changed link', async () => {
      await tamper(`update tenantry.registry_audit set previous = sha256('x') where sequence = 5`)
      expect(await db.registry.verifyAudit()).toMatchObject({
        ok: false,
        sequence: 5,
        problem: 'does not follow the one before it',
      })
    })

    it('by a missing entry, also when the others have closed ranks', async () => {
      await tamper('delete from tenantry.registry_audit where sequence = 5')
      expect(await db.registry.verifyAudit()).toMatchObject({ ok: false, sequence: 5, problem: 'is missing' })
      await tamper(
        'update tenantry.registry_audit set sequence = -sequence where sequence > 5; update tenantry.registry_audit set sequence = -sequence - 1 where sequence < 0',
      )
      expect(await db.registry.verifyAudit()).toMatchObject({ ok: false, sequence: 5 })
    })

    it('by two that have changed places', async () => {
      await tamper(
        'update tenantry.registry_audit set sequence = 100 where sequence = 5; update tenantry.registry_audit set sequence = 5 where sequence = 6; update tenantry.registry_audit set sequence = 6 where sequence = 100',
      )
      expect(await db.registry.verifyAudit()).toMatchObject({ ok: false, entries: 4, sequence: 5 })
    })

    it('by one that was put in', async () => {
      await tamper(`update tenantry.registry_audit set sequence = sequence + 100 where sequence > 5; update tenantry.registry_audit set sequence = sequence - 99 where sequence > 100;
        insert into tenantry.registry_audit select 6, at, written_by, 'put in', actor, tenant, reason, details, hash, sha256('x') from tenantry.registry_audit where sequence = 5`)
      expect(await db.registry.verifyAudit()).toMatchObject({ ok: false, entries: 5, sequence: 6 })
    })

    it('by an end that was cut off, with the head behind it, or with an anchor when that is cut too', async () => {
      const whole = await db.registry.verifyAudit()
      if (!whole.ok) throw new Error(whole.problem)
      await tamper('delete from tenantry.registry_audit where sequence > 7')
      expect(await db.registry.verifyAudit()).toMatchObject({ ok: false, entries: 7, sequence: 8 })
      await tamper(
        'update tenantry.registry_audit_head h set sequence = 7, hash = a.hash from tenantry.registry_audit a where a.sequence = 7',
      )
      expect(await db.registry.verifyAudit()).toMatchObject({ ok: true, entries: 7 })
      expect(await db.registry.verifyAudit({ anchor: whole.head })).toMatchObject({
        ok: false,
        entries: 7,
        sequence: 8,
      })
    })

    it('by a whole new chain, with an anchor', async () => {
      const whole = await db.registry.verifyAudit()
      if (!whole.ok) throw new Error(whole.problem)
      await tamper(
        `truncate tenantry.registry_audit; update tenantry.registry_audit_head set sequence = 0, hash = decode(repeat('00', 32), 'hex')`,
      )
      await append(db.registry, 12)
      expect(await db.registry.verifyAudit()).toMatchObject({ ok: true, entries: 12 })
      expect(await db.registry.verifyAudit({ anchor: whole.head })).toMatchObject({
        ok: false,
        sequence: 10,
        problem: 'is not the one that the anchor names',
      })
    })

    it('and an anchor that is good says nothing', async () => {
      const whole = await db.registry.verifyAudit()
      if (!whole.ok) throw new Error(whole.problem)
      await append(db.registry, 2)
      expect(await db.registry.verifyAudit({ anchor: whole.head })).toMatchObject({ ok: true, entries: 12 })
      expect(await db.registry.verifyAudit({ anchor: { sequence: 0, hash: '00'.repeat(32) } })).toMatchObject({
        ok: true,
      })
    })
  })
})
