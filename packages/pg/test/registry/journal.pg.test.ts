import type { Begun, NewOperation, OperationKind, TenantStatus } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { describe, expect, it } from 'vitest'
import { failure, refusal } from '../support.ts'
import { change, create, entryOf, fresh, inputOf, newOperation, remove, useRegistry } from './support.ts'

describePostgres('the journal of the registry', server => {
  const db = useRegistry(server)

  const begin = (kind: OperationKind, tenant: string, more: Partial<NewOperation> = {}): Promise<Begun> => {
    const statuses: Partial<Record<OperationKind, TenantStatus>> = {
      suspend: 'suspended',
      archive: 'archived',
      destroy: 'deprovisioning',
    }
    const status = statuses[kind]
    const set = status === undefined ? {} : { status }
    return db.registry.begin(
      newOperation(kind, { state: 'running', ...more }),
      { update: tenant, set },
      entryOf(`tenant.${kind}`, { tenant }),
    )
  }

  async function beginCreation(more: Partial<NewOperation> = {}): Promise<Begun> {
    const insert = inputOf({ status: 'provisioning' })
    return db.registry.begin(
      newOperation('create', { state: 'running', ...more }),
      { insert },
      entryOf('tenant.create', { tenant: insert.id }),
    )
  }

  /** Resolves once so many sessions of this database wait for a lock. */
  async function waiting(count: number): Promise<void> {
    const text = `select count(*)::int from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
    while (Number((await db.sql('admin', text))[0]?.count) < count);
  }

  describe('begin', () => {
    it('writes the tenant, the operation and the audit entry', async () => {
      const { operation, isNew, tenant } = await beginCreation({
        key: fresh('key'),
        reason: 'signed up',
        parameters: { plan: 'pro' },
      })
      expect([isNew, tenant?.status, tenant?.version]).toEqual([true, 'provisioning', 1])
      expect(await db.registry.operation(operation.id)).toEqual(operation)
      expect(operation).toMatchObject({
        state: 'running',
        kind: 'create',
        steps: [],
        reason: 'signed up',
        parameters: { plan: 'pro' },
      })
      expect(operation).not.toHaveProperty('outcome')
      expect(await db.registry.auditTrail({ tenant: operation.tenant })).toMatchObject([
        { action: 'tenant.create', actor: 'ada' },
      ])
    })

    it('writes nothing of what is refused: no tenant, no operation, no audit entry, no name', async () => {
      await create(db.registry, { domains: ['refused.example'] })
      const before = await db.registry.verifyAudit()
      const insert = inputOf({
        slug: 'refused',
        placement: { schema: 'refused' },
        domains: ['new.example', 'refused.example'],
      })
      const operation = newOperation('create', { key: 'refused' })
      expect(await refusal(db.registry.begin(operation, { insert }, entryOf('tenant.create')))).toBe('TENANT_EXISTS')
      expect(await db.registry.operation(operation.id)).toBeUndefined()
      expect(await db.registry.verifyAudit()).toEqual(before)
      expect(
        (
          await db.registry.begin(
            operation,
            { insert: { ...insert, domains: ['new.example'] } },
            entryOf('tenant.create'),
          )
        ).isNew,
      ).toBe(true)
    })

    it('L1 a thousand at once with one key make one tenant, and the others are given it', async () => {
      const key = fresh('key')
      const stores = Array.from({ length: 4 }, () => db.open({ max: 5 }))
      const all = await Promise.all(
        Array.from({ length: 1_000 }, (_, n) => {
          const insert = inputOf({ slug: 'one-of-many', isControl: true })
          return stores[n % stores.length]?.begin(
            newOperation('create', { key }),
            { insert },
            entryOf('tenant.create', { tenant: insert.id }),
          )
        }),
      )
      expect(all.filter(begun => begun?.isNew)).toHaveLength(1)
      expect(new Set(all.map(begun => begun?.operation.id)).size).toBe(1)
      expect(new Set(all.map(begun => begun?.tenant?.id)).size).toBe(1)
      expect(await db.sql('owner', `select count(*)::int from tenantry.registry_tenants where is_control`)).toEqual([
        { count: 1 },
      ])
    }, 120_000)

    it('T10 processes that start at once make one default tenant', async () => {
      const first = (n: number) => {
        const insert = inputOf({ slug: 'first-of-all', name: `Public of ${n}`, isDefault: true })
        return db.open({ max: 1 }).begin(newOperation('create', { key: 'init' }), { insert }, entryOf('tenant.create'))
      }
      const all = await Promise.all(Array.from({ length: 12 }, (_, n) => first(n)))
      expect(all.filter(({ isNew }) => isNew)).toHaveLength(1)
      expect(new Set(all.map(({ tenant }) => tenant?.name)).size).toBe(1)
    })

    it('L1 the second of one key waits for the first, and begins when that one is refused', async () => {
      const key = fresh('key')
      const pool = db.pool('owner')
      const rival = await pool.connect()
      await rival.query('begin')
      await rival.query(
        `insert into tenantry.registry_operations (id, tenant, kind, state, actor, key, digest, parameters) values ('rival', 'x', 'create', 'done', 'a', $1, 'd', '{}')`,
        [key],
      )
      const second = create(db.registry, {}, { key })
      await waiting(1)
      await rival.query('rollback')
      rival.release()
      expect((await second).status).toBe('active')
    })

    it('L1 one key with other parameters is refused, and the first outcome stays', async () => {
      const key = fresh('key')
      const { operation } = await beginCreation({ key })
      const other = await failure(beginCreation({ key, parameters: { plan: 'other' } }))
      expect(other).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT', details: { operation: operation.id } })
      expect((await beginCreation({ key })).operation.id).toBe(operation.id)
    })

    it('the key of a tenant that is gone still gives its operation', async () => {
      const key = fresh('key')
      const { id } = await create(db.registry, {}, { key })
      await remove(db.registry, id)
      const again = await db.registry.begin(
        newOperation('create', { key }),
        { insert: inputOf() },
        entryOf('tenant.create'),
      )
      expect([again.isNew, again.operation.tenant, again.tenant]).toEqual([false, id, undefined])
    })

    it('L12 while one operation is under way no other begins, neither one that lasts nor one that is done at once', async () => {
      const { operation } = await beginCreation()
      for (const state of ['running', 'done'] as const) {
        for (const kind of ['activate', 'rename'] as const) {
          const error = await failure(begin(kind, operation.tenant, { state }))
          expect(error).toMatchObject({
            code: 'OPERATION_UNDERWAY',
            details: { operation: operation.id, kind: 'create' },
          })
        }
      }
      expect(await db.registry.history(operation.tenant)).toHaveLength(1)
    })

    it('L12 of two that undo and end a tenant at once, one is refused', async () => {
      for (let race = 0; race < 20; race++) {
        const { id } = await create(db.registry)
        await change(db.registry, 'suspend', id, { status: 'suspended' })
        const both = await Promise.allSettled([begin('resume', id), begin('archive', id), begin('archive', id)])
        expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
        for (const one of both)
          if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'OPERATION_UNDERWAY' })
      }
    })

    it('refuses what the table of transitions does not have, and what an operation does not do', async () => {
      const { id } = await create(db.registry)
      expect(await refusal(begin('resume', id))).toBe('TRANSITION_REFUSED')
      expect(await refusal(begin('destroy', id))).toBe('TRANSITION_REFUSED')
      expect(await refusal(change(db.registry, 'rename', id, { status: 'suspended' }))).toBe('TRANSITION_REFUSED')
      expect(await refusal(begin('suspend', 'nobody'))).toBe('TENANT_NOT_FOUND')
      expect(await refusal(begin('create', id))).toBe('ARGUMENT_INVALID')
      const insert = inputOf({ status: 'suspended' })
      expect(await refusal(db.registry.begin(newOperation('create'), { insert }, entryOf('x')))).toBe(
        'TRANSITION_REFUSED',
      )
      expect(await db.registry.find({ kind: 'id', value: id })).toMatchObject({ status: 'active', version: 1 })
    })

    it('P19 T31 refuses to suspend, archive or end the default tenant', async () => {
      const { id } = (await db.registry.findDefault()) ?? (await create(db.registry, { isDefault: true }))
      for (const kind of ['suspend', 'archive'] as const)
        expect(await refusal(begin(kind, id))).toBe('TRANSITION_REFUSED')
      expect((await db.registry.findDefault())?.status).toBe('active')
    })

    it('a version that is not the tenant’s is refused, so that no change is lost', async () => {
      const { id } = await create(db.registry)
      const both = await Promise.allSettled(
        ['one', 'two'].map(name => change(db.open({ max: 1 }), 'rename', id, { name }, { expected: 1 })),
      )
      expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      expect(both.find(({ status }) => status === 'rejected')).toMatchObject({
        reason: { code: 'VERSION_CONFLICT', details: { tenant: id, expected: 1, actual: 2 } },
      })
    })

    it('many changes at once are all made, one after another', async () => {
      const { id } = await create(db.registry)
      const store = db.open({ max: 8 })
      await Promise.all(Array.from({ length: 40 }, (_, n) => change(store, 'setSettings', id, { settings: { n } })))
      expect((await db.registry.find({ kind: 'id', value: id }))?.version).toBe(41)
    })

    it('bad input is refused before it is written', async () => {
      const { id } = await create(db.registry)
      for (const set of [{ slug: 'Not A Slug' }, { slug: 'admin' }, { name: '' }, { domains: ['http://x'] }])
        expect(await refusal(change(db.registry, 'rename', id, set))).toBe('INPUT_INVALID')
      expect(await refusal(change(db.registry, 'rename', id, { name: 'with \0' }))).toBe('INPUT_INVALID')
      expect(await refusal(change(db.registry, 'setSettings', id, { settings: { text: 'with \0' } }))).toBe(
        'INPUT_INVALID',
      )
      const { id: suspended } = await create(db.registry)
      await change(db.registry, 'suspend', suspended, { status: 'suspended' })
      // What JavaScript leaves undefined is not the default.
      await change(db.registry, 'setSettings', suspended, { settings: {}, status: undefined as never })
      expect((await db.registry.find({ kind: 'id', value: suspended }))?.status).toBe('suspended')
    })
  })

  describe('claim and record', () => {
    it('one works on an operation at a time, and it is seen until its end', async () => {
      const { operation } = await beginCreation()
      expect(await db.registry.unfinished(1_000)).toContain(operation.id)
      const claims = await Promise.all(
        Array.from({ length: 10 }, () => db.open({ max: 1 }).claim(operation.id, 60_000)),
      )
      const mine = claims.filter(claim => claim !== undefined)
      expect(mine).toHaveLength(1)
      expect(await db.registry.unfinished(1_000)).not.toContain(operation.id)
      const [claim] = mine
      if (claim === undefined) throw new Error('Nobody has it.')
      await db.registry.record(claim, 60_000, { step: { name: 'files.provision', state: 'begun' } })
      await db.registry.record(claim, 60_000, { step: { name: 'dns.provision', state: 'begun' } })
      await db.registry.record(claim, 60_000, {
        step: { name: 'files.provision', state: 'done', result: { made: ['/x'] } },
      })
      const tenant = await db.registry.record(claim, 60_000, {
        ...{ step: { name: 'dns.provision', state: 'done' }, state: 'done' },
        write: { update: operation.tenant, set: { status: 'active' } },
        audit: entryOf('tenant.created', { tenant: operation.tenant }),
      })
      expect(tenant).toMatchObject({ status: 'active', version: 2 })
      expect(await db.registry.operation(operation.id)).toMatchObject({
        state: 'done',
        outcome: { tenant },
        steps: [
          { name: 'files.provision', state: 'done', result: { made: ['/x'] } },
          { name: 'dns.provision', state: 'done' },
        ],
      })
      expect(await refusal(db.registry.record(claim, 60_000, { state: 'failed' }))).toBe('OPERATION_TAKEN')
      expect(await db.registry.claim(operation.id, 60_000)).toBeUndefined()
    })

    it('L2 what was tried last comes last, so that what cannot be ended holds up nothing behind it', async () => {
      const [one, two] = [await beginCreation(), await beginCreation()].map(({ operation }) => operation.id)
      const ours = async () => (await db.registry.unfinished(1_000)).filter(id => id === one || id === two)
      expect(await ours()).toEqual([one, two])
      const claim = await db.registry.claim(String(one), 60_000)
      if (claim === undefined) throw new Error('Nobody has it.')
      await db.registry.record(claim, 0, {})
      expect(await ours()).toEqual([two, one])
    })

    it('L9 a claim ends by the clock of the database, and whoever had it writes nothing behind the next one', async () => {
      const { operation } = await beginCreation()
      const first = await db.registry.claim(operation.id, 60_000)
      if (first === undefined) throw new Error('Nobody has it.')
      expect(await db.registry.claim(operation.id, 60_000)).toBeUndefined()
      await db.sql('owner', `update tenantry.registry_operations set claimed_until = clock_timestamp() where id = $1`, [
        operation.id,
      ])
      const second = await db.registry.claim(operation.id, 60_000)
      expect(second?.number).toBe(first.number + 1)
      const audited = await db.registry.verifyAudit()
      const late = db.registry.record(first, 60_000, {
        ...{ step: { name: 'late.provision', state: 'done' }, state: 'done' },
        write: { update: operation.tenant, set: { status: 'active' } },
        audit: entryOf('late'),
      })
      expect(await refusal(late)).toBe('OPERATION_TAKEN')
      expect(await db.registry.operation(operation.id)).toMatchObject({ state: 'running', steps: [] })
      expect((await db.registry.find({ kind: 'id', value: operation.tenant }))?.status).toBe('provisioning')
      expect(await db.registry.verifyAudit()).toEqual(audited)
    })

    it('L9 whoever is late and was not replaced still has the claim', async () => {
      const { operation } = await beginCreation()
      const claim = await db.registry.claim(operation.id, 1)
      if (claim === undefined) throw new Error('Nobody has it.')
      await db.sql(
        'owner',
        `update tenantry.registry_operations set claimed_until = clock_timestamp() - interval '1 hour' where id = $1`,
        [operation.id],
      )
      await db.registry.record(claim, 60_000, { step: { name: 'files.provision', state: 'begun' } })
      expect(await db.registry.claim(operation.id, 60_000)).toBeUndefined()
    })

    it('L9 a claim that waits behind a record is given what that one wrote', async () => {
      const { operation } = await beginCreation()
      const pool = db.pool('owner')
      const recorder = await pool.connect()
      await recorder.query('begin')
      await recorder.query('select from tenantry.registry_operations where id = $1 for update', [operation.id])
      await recorder.query(
        `insert into tenantry.registry_steps (operation, name, state) values ($1, 'files.provision', 'done')`,
        [operation.id],
      )
      const claim = db.registry.claim(operation.id, 60_000)
      await waiting(1)
      await recorder.query('commit')
      recorder.release()
      expect((await claim)?.operation.steps).toEqual([{ name: 'files.provision', state: 'done' }])
    })

    it('what is recorded and refused is not recorded in part', async () => {
      const { operation } = await beginCreation()
      const claim = await db.registry.claim(operation.id, 60_000)
      if (claim === undefined) throw new Error('Nobody has it.')
      const write = { update: operation.tenant, set: { status: 'archived' } } as const
      expect(await refusal(db.registry.record(claim, 60_000, { step: { name: 'x.y', state: 'done' }, write }))).toBe(
        'TRANSITION_REFUSED',
      )
      const others = { update: 'somebody-else', set: {} }
      expect(await refusal(db.registry.record(claim, 60_000, { write: others }))).toBe('ARGUMENT_INVALID')
      expect((await db.registry.operation(operation.id))?.steps).toEqual([])
    })

    it('the history of a tenant outlives it, the newest first', async () => {
      const { id } = await create(db.registry)
      await change(db.registry, 'rename', id, { name: 'Renamed' })
      await remove(db.registry, id)
      const kinds = (await db.registry.history(id)).map(({ kind }) => kind)
      expect(kinds).toEqual(['destroy', 'archive', 'rename', 'create'])
      expect((await db.registry.history(id, 2)).map(({ kind }) => kind)).toEqual(['destroy', 'archive'])
    })
  })
})
