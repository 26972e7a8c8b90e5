import {
  type Begun,
  checkWholeNumbers,
  type Json,
  type NewOperation,
  type Operation,
  TenancyError,
  type Tenant,
  type TenantStore,
  transitions,
} from '@tenantry/core'
import { sql } from 'kysely'
import type pg from 'pg'
import { inTransaction } from '../in-transaction.ts'
import type { Query } from '../query.ts'
import { asking } from './ask.ts'
import { writeAudit } from './audit-entry.ts'
import { operationOf, readOperation, selectOperations } from './operation-row.ts'
import { registryError } from './registry-error.ts'
import { type Registry, rowsOf } from './tables.ts'
import { readTenant, tenantOfWrite, writeTenant } from './tenant-write.ts'

/** Options of {@link journal}. */
export interface JournalOptions {
  readonly pool: pg.Pool
  readonly db: Registry
  readonly ready: () => Promise<void>
  readonly storageKeys: readonly string[]
}

const underway = ['running', 'undoing'] as const
// By the server's clock, so that no two processes need to agree on the time (L9).
const until = (lease: number) => sql<Date>`clock_timestamp() + make_interval(secs => ${lease / 1000}::float8)`
const isFree = sql<boolean>`(claimed_until is null or claimed_until <= clock_timestamp())`

/** What is done to tenants, written with what it changes or not at all. */
export function journal({
  pool,
  db,
  ready,
  storageKeys,
}: JournalOptions): Pick<
  TenantStore,
  'begin' | 'claim' | 'record' | 'operation' | 'operationOf' | 'unfinished' | 'history'
> {
  async function transaction<T>(
    about: { tenant: string; operation: string },
    work: (query: Query) => Promise<T>,
  ): Promise<T> {
    await ready()
    try {
      return await inTransaction(pool, work)
    } catch (error) {
      throw registryError(error, about)
    }
  }

  return {
    async begin(operation, write, audit, lease = 0) {
      const { kind, state } = operation
      checkWholeNumbers({ lease }, 0)
      const claims = state === 'running' && lease > 0
      const tenant = tenantOfWrite(write)
      if (!Object.hasOwn(transitions, kind) || 'insert' in write !== (transitions[kind].from.length === 0))
        throw new TenancyError('ARGUMENT_INVALID', { field: 'write', rule: `must be what the operation ${kind} does` })
      return transaction({ tenant, operation: kind }, async (query): Promise<Begun> => {
        const rival = await insertOperation(query, db, operation, tenant, claims ? lease : 0)
        if (rival !== undefined) return begunBy(rival, operation, await readTenant(query, db, rival.tenant))
        await writeTenant(write, { query, db, kind, begins: true, storageKeys })
        const after = await readTenant(query, db, tenant)
        if (state === 'done') await rowsOf(query, ended(db, operation.id, after))
        const outcome = state === 'done' && after !== undefined ? { outcome: outcomeOf(after) } : {}
        const begun: Operation = { ...operation, tenant, steps: [], ...outcome }
        await writeAudit(query, db, audit)
        return {
          operation: begun,
          isNew: true,
          ...(after !== undefined && { tenant: after }),
          ...(claims && { claim: { operation: begun, number: 1 } }),
        }
      })
    },
    async claim(id, lease) {
      checkWholeNumbers({ lease })
      return transaction({ tenant: '', operation: id }, async query => {
        const [mine] = await rowsOf(query, claimed(db, id, lease))
        if (mine === undefined) return undefined
        // Behind the update: what the one before has recorded while this one waited is seen.
        const operation = await readOperation(query, db, id)
        return { operation: operation as Operation, number: mine.claim_number }
      })
    },
    async record({ operation: { id, tenant, kind }, number }, lease, { step, state, outcome, write, audit }) {
      checkWholeNumbers({ lease }, 0)
      if (write !== undefined && tenantOfWrite(write) !== tenant)
        throw new TenancyError('ARGUMENT_INVALID', {
          field: 'write',
          rule: 'must be about the tenant of the operation',
        })
      return transaction({ tenant, operation: kind }, async query => {
        const held = db
          .updateTable('registry_operations')
          .where('id', '=', id)
          .where('claim_number', '=', number)
          .where('state', 'in', underway)
          .returning('id')
        const mine = await rowsOf(query, held.set({ claimed_until: until(lease) }))
        if (mine.length === 0) throw new TenancyError('OPERATION_TAKEN', { operation: id })
        if (step !== undefined) {
          const written = { state: step.state, result: step.result === undefined ? null : JSON.stringify(step.result) }
          await rowsOf(
            query,
            db
              .insertInto('registry_steps')
              .values({ operation: id, name: step.name, ...written })
              .onConflict(conflict => conflict.columns(['operation', 'name']).doUpdateSet(written)),
          )
        }
        if (write !== undefined) await writeTenant(write, { query, db, kind, begins: false, storageKeys })
        const after = write !== undefined || state === 'done' ? await readTenant(query, db, tenant) : undefined
        if (state === 'done') await rowsOf(query, ended(db, id, after))
        else if (state !== undefined || outcome !== undefined)
          await rowsOf(
            query,
            held.set({
              ...(state !== undefined && { state }),
              ...(outcome !== undefined && { outcome: JSON.stringify(outcome) }),
              ...(state === 'failed' && { claimed_until: null }),
            }),
          )
        if (audit !== undefined) await writeAudit(query, db, audit)
        return after
      })
    },
    async operation(id) {
      await ready()
      return readOperation(asking(pool), db, id)
    },
    async operationOf(key) {
      await ready()
      const [row] = await rowsOf(asking(pool), selectOperations(db).where('o.key', '=', key))
      return row && operationOf(row)
    },
    async unfinished(limit) {
      checkWholeNumbers({ limit })
      await ready()
      const built = db.selectFrom('registry_operations').select('id').where('state', 'in', underway).where(isFree)
      return (
        await rowsOf(
          asking(pool),
          built
            .orderBy('claimed_until', order => order.asc().nullsFirst())
            .orderBy('sequence')
            .limit(limit),
        )
      ).map(({ id }) => id)
    },
    async history(tenant, limit = 100) {
      checkWholeNumbers({ limit })
      await ready()
      const built = selectOperations(db).where('o.tenant', '=', tenant).orderBy('o.sequence', 'desc').limit(limit)
      return (await rowsOf(asking(pool), built)).map(operationOf)
    },
  }
}

/** Makes an operation that has not ended, and that nobody else has, the caller's. */
function claimed(db: Registry, id: string, lease: number) {
  return db
    .updateTable('registry_operations')
    .set(eb => ({ claim_number: eb('claim_number', '+', 1), claimed_until: until(lease) }))
    .where('id', '=', id)
    .where('state', 'in', underway)
    .where(isFree)
    .returning('claim_number')
}

/** As what the caller was given: plain JSON, the same in memory and read again. */
function outcomeOf(tenant: Tenant): Json {
  return JSON.parse(JSON.stringify({ tenant })) as Json
}

/** Ends an operation well; its outcome is the tenant as it is now. */
function ended(db: Registry, id: string, tenant: Tenant | undefined) {
  return db
    .updateTable('registry_operations')
    .set({
      state: 'done',
      claimed_until: null,
      ...(tenant !== undefined && { outcome: JSON.stringify(outcomeOf(tenant)) }),
    })
    .where('id', '=', id)
    .returning('id')
}

/**
 * The first of those who come with one key writes it, and the others wait for how its transaction ends.
 *
 * @returns the operation that has the key already.
 */
async function insertOperation(
  query: Query,
  db: Registry,
  operation: NewOperation,
  tenant: string,
  lease: number,
): Promise<Operation | undefined> {
  const { id, kind, actor, reason = null, key = null, digest, parameters } = operation
  const claim = lease === 0 ? {} : { claim_number: 1, claimed_until: until(lease) }
  for (;;) {
    const inserted = await rowsOf(
      query,
      db
        .insertInto('registry_operations')
        .values({
          id,
          tenant,
          kind,
          state: 'running',
          actor,
          reason,
          key,
          digest,
          parameters: JSON.stringify(parameters),
          ...claim,
        })
        .onConflict(conflict => conflict.doNothing())
        .returning('id'),
    )
    if (inserted.length > 0) return undefined
    const [same] = await rowsOf(
      query,
      selectOperations(db).where(eb => (key === null ? eb('o.id', '=', id) : eb('o.key', '=', key))),
    )
    if (same !== undefined && key !== null) return operationOf(same)
    const [other] = await rowsOf(
      query,
      selectOperations(db).where('o.tenant', '=', tenant).where('o.state', 'in', underway),
    )
    if (other !== undefined) throw underwayError(operationOf(other))
    if (same !== undefined || (await readOperation(query, db, id)) !== undefined)
      throw new TenancyError('ARGUMENT_INVALID', { field: 'operation.id', rule: 'must be new' })
    // Whatever was in the way has ended since.
  }
}

function begunBy(winner: Operation, { digest }: NewOperation, tenant: Begun['tenant']): Begun {
  if (winner.digest !== digest) throw new TenancyError('IDEMPOTENCY_CONFLICT', { operation: winner.id })
  return { operation: winner, isNew: false, ...(tenant !== undefined && { tenant }) }
}

function underwayError({ id, kind, tenant }: Operation): TenancyError<'OPERATION_UNDERWAY'> {
  return new TenancyError('OPERATION_UNDERWAY', { tenant, operation: id, kind })
}
