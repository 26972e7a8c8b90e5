import type { Collection, CollectionOptions, Document, TransactionOptions } from 'mongodb'
import { isReserved } from '../fence/collection-name.ts'
import { checkOptions } from '../fence/operation-options.ts'
import { checkCommand } from './check-command.ts'
import { facade } from './facade.ts'
import { inScope, type Scope } from './scope.ts'
import { tenantCollection } from './tenant-collection.ts'
import { type TransactionParts, transaction } from './transaction.ts'

/** A collection of the tenant's database, or a view or a time series. */
export interface CollectionName {
  readonly name: string
  readonly type: 'collection' | 'view' | 'timeseries'
}

/**
 * The database of whichever tenant is current, asked before each operation. Nothing that it gives leads to the client, to another
 * database or to administration; what cannot be kept in is refused with `STATEMENT_REFUSED`, and not sent.
 */
export interface TenantMongo {
  /**
   * A collection, as the driver's: same methods, same types, same results. Keep it as long as you like: it follows the current tenant.
   *
   * @throws {TenancyError} `STATEMENT_REFUSED` for collections of the server (`system.…`) and of Tenantry (`tenantry.…`);
   * `ARGUMENT_INVALID` for what is no name. Of its methods: these, whatever the tenant source throws, `TENANT_STORE_MISSING`,
   * `IDENTITY_MISMATCH`, `POOL_EXHAUSTED`, `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`, `SCOPE_CLOSED`; cursors `SCOPE_MISMATCH`.
   * @example
   * await mongo.collection<Note>('notes').find({ text: 'hello' }).toArray()
   */
  collection<T extends Document = Document>(name: string, options?: CollectionOptions): Collection<T>
  /** The collections that there are, Tenantry's own left out. */
  collections(): Promise<readonly CollectionName[]>
  /**
   * Work in one transaction, in a session of its own: commits when the work resolves, and is done again when the server asks for it.
   * What the handle gives to the work is in the transaction; other handles are not.
   *
   * @throws {TenancyError} `STATEMENT_REFUSED` where the server has no transactions (`transactions: false`). The handle of the work
   * throws `SCOPE_CLOSED` after its end, and `SCOPE_MISMATCH` in another tenant's unit of work.
   */
  transaction<T>(work: (mongo: TransactionMongo) => Promise<T>, options?: TransactionOptions): Promise<T>
  /**
   * A command of the tenant's own database: `ping`, `dbStats`, `collStats`, `create`, `collMod`.
   *
   * @throws {TenancyError} `STATEMENT_REFUSED` for any other.
   */
  command(command: Document): Promise<Document>
}

/** {@link TenantMongo} inside a transaction. */
export type TransactionMongo = Omit<TenantMongo, 'transaction'>

const advice = {
  client: 'Use collection(name).',
  admin: 'Use the client that you opened, outside of tenants.',
  db: 'Use collection(name): the database is the tenant’s own.',
  aggregate: 'Use collection(name).aggregate.',
  watch: 'Use collection(name).watch.',
  dropDatabase: 'Use isolation.deprovision(tenant).',
  createCollection: 'Use command({ create: name }), or just insert.',
}

function members(scope: Scope): TransactionMongo {
  return {
    collection: (name, options) => tenantCollection(scope, name, options),
    collections: () =>
      inScope(scope, async ({ db, session }) => {
        const found = await db.listCollections({}, { nameOnly: true, ...(session && { session }) }).toArray()
        return found
          .filter(({ name }) => !isReserved(name))
          .map(({ name, type }) => ({ name, type: (type ?? 'collection') as CollectionName['type'] }))
      }),
    async command(given) {
      const tenant = scope.tenant()
      const command = checkCommand(given, scope.rules, scope.ways)
      return inScope({ ...scope, tenant: () => tenant }, ({ db, session }) =>
        db.command(command, session && { session }),
      )
    },
  }
}

/** The handle of a scope that is no transaction. */
export function tenantMongo(scope: Scope, parts: TransactionParts): TenantMongo {
  return facade<TenantMongo>(
    'TenantMongo',
    {
      ...members(scope),
      transaction: async <T>(
        work: (mongo: TransactionMongo) => Promise<T>,
        options?: TransactionOptions,
      ): Promise<T> => {
        const settings = checkOptions(options, 'transaction', scope.rules)
        return transaction(scope, parts, settings, inner =>
          work(facade<TransactionMongo>('TransactionMongo', members(inner), advice)),
        )
      },
    },
    advice,
  )
}
