import { failureOf, type Note, type Notes, type Row, type Subject } from '@tenantry/conformance'
import { type Isolation, secret, type Tenant, tenantDigest } from '@tenantry/core'
import type { MongoForTests } from '@tenantry/servers/vitest'
import { MongoClient } from 'mongodb'
import {
  derivedPasswords,
  type MongoDatabaseOptions,
  mongoDatabase,
  type TenantMongo,
  type TransactionMongo,
} from '../src/index.ts'
import { mongoProxy } from './mongo-proxy.ts'
import { silent } from './support.ts'

interface Stored {
  readonly _id: string
  readonly text: string
}

const read = ({ _id, text }: Stored): Note => ({ id: _id, text })

function notesOf(mongo: TransactionMongo): Notes {
  const notes = mongo.collection<Stored>('notes')
  return {
    put: async ({ id, text }) => void (await notes.insertOne({ _id: id, text })),
    async get(id) {
      const found = await notes.findOne({ _id: id })
      return found === null ? undefined : read(found)
    },
    list: async () => (await notes.find().toArray()).map(read),
    count: () => notes.countDocuments(),
    update: async ({ id, text }) => (await notes.updateOne({ _id: id }, { $set: { text } })).modifiedCount,
    remove: async id => (await notes.deleteOne({ _id: id })).deletedCount,
  }
}

/** Tenants by a credential for all, or each by a user of its own, which wants a server with users. */
export async function mongoSubject(
  mongo: MongoForTests,
  mode: 'client' | 'users' = 'client',
): Promise<Subject<TenantMongo>> {
  const proxy = await mongoProxy(mongo.url)
  const admin = new MongoClient(mongo.url)
  const patience = { retryReads: false, retryWrites: false, maxPoolSize: 2 }
  const client = new MongoClient(proxy.url, patience)
  const ids = new Map<string, string>()
  const passwords = derivedPasswords(secret('a master that has more than 32 characters'))
  const open: MongoClient[] = [admin, client]

  function over(through: MongoClient): MongoDatabaseOptions {
    const shared = { keyPrefix: mongo.prefix, transactions: mongo.hasTransactions, logger: silent }
    if (mode === 'client') return { client: through, ...shared }
    const uri = new URL(proxy.url)
    uri.username = ''
    uri.password = ''
    uri.searchParams.delete('authSource')
    return { users: { uri: uri.href, passwords, admin: through }, limits: { options: patience }, ...shared }
  }

  function isolationOver(through: MongoClient): Isolation<TenantMongo> {
    const made = mongoDatabase(over(through))
    const provision = (tenant: Tenant): Promise<void> => {
      ids.set(tenantDigest(tenant.id), tenant.id)
      return made.provision(tenant)
    }
    return { ...made, provision }
  }

  const isolation = isolationOver(client)
  await isolation.ready()
  const nameOf = ({ id }: Pick<Tenant, 'id'>) => `${mongo.prefix}${tenantDigest(id)}`

  async function everything(): Promise<readonly Row[]> {
    const { databases } = await admin.db('admin').admin().listDatabases({ nameOnly: true })
    const rows: Row[] = []
    for (const { name } of databases) {
      if (!name.startsWith(mongo.prefix)) continue
      const tenant = ids.get(name.slice(mongo.prefix.length)) ?? name
      for (const note of await admin.db(name).collection<Stored>('notes').find().toArray())
        rows.push({ ...read(note), tenant })
    }
    return rows
  }

  async function left(tenant: Tenant): Promise<readonly string[]> {
    const db = admin.db(nameOf(tenant))
    const lines: string[] = []
    for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray())
      lines.push(`${name}: ${await db.collection(name).countDocuments()}`)
    return lines.sort()
  }

  function unit<T>(handle: TenantMongo, work: (notes: Notes) => Promise<T>): Promise<T> {
    return handle.transaction(inner => work(notesOf(inner)))
  }

  /** Puts the note in a unit of work, causes the fault in it, and gives the error that it ended with. */
  function faulty(
    handle: TenantMongo,
    note: Note,
    fault: (mongo: TransactionMongo) => Promise<unknown>,
  ): Promise<Error> {
    const work = async (inner: TransactionMongo) => {
      await notesOf(inner).put(note)
      await fault(inner)
    }
    return failureOf(mongo.hasTransactions ? handle.transaction(work) : work(handle))
  }

  async function cutting(inner: TransactionMongo): Promise<void> {
    const rule = proxy.cutFrom(0)
    try {
      await notesOf(inner).list()
    } finally {
      rule.remove()
    }
  }

  const noStatement = (what: string) => ({ cannot: what })
  return {
    isolation,
    server: mongo.label,
    notes: notesOf,
    unit,
    outside: {
      statements: async () => proxy.commands.length,
      everything,
      residue: async () => proxy.open(),
      async unscoped() {
        const somebody = { id: 'somebody', slug: 'somebody', name: 'somebody', status: 'active' } as const
        const tenant: Tenant = {
          ...somebody,
          placement: {},
          isDefault: false,
          isControl: false,
          version: 1,
          settings: {},
        }
        await isolation.provision(tenant)
        const { uri } = over(client).users ?? { uri: '' }
        const auth = { username: nameOf(tenant), password: (await passwords(tenant)).reveal() }
        const stranger = new MongoClient(uri, { auth, authSource: nameOf(tenant) })
        open.push(stranger)
        const found: Note[] = []
        for (const digest of ids.keys()) {
          const name = `${mongo.prefix}${digest}`
          if (name === nameOf(tenant)) continue
          const notes = stranger.db(name).collection<Stored>('notes')
          const seen = await notes
            .find()
            .toArray()
            .catch((error: { code?: unknown }) => {
              if (error.code !== 13) throw error
              return []
            })
          found.push(...seen.map(read))
        }
        return found
      },
    },
    faults: {
      timeout: (handle, note) =>
        faulty(handle, note, async inner => {
          const letGo = proxy.hold()
          try {
            await inner
              .collection('notes')
              .find({}, { signal: AbortSignal.timeout(50) })
              .toArray()
          } finally {
            letGo()
          }
        }),
      disconnect: (handle, note) => faulty(handle, note, cutting),
    },
    more: {
      upsert: async (handle, { id, text }) =>
        void (await handle.collection<Stored>('notes').updateOne({ _id: id }, { $set: { text } }, { upsert: true })),
      async returning(handle, { id, text }) {
        const found = await handle
          .collection<Stored>('notes')
          .findOneAndUpdate({ _id: id }, { $set: { text } }, { returnDocument: 'after' })
        return found === null ? [] : [read(found)]
      },
      cte: noStatement('no statement that removes documents and gives them all'),
      async join(handle) {
        const lookup = { from: 'notes', localField: 'text', foreignField: 'text', as: 'same' }
        const rows = await handle
          .collection<Stored>('notes')
          .aggregate<{ _id: string; same: Stored }>([{ $lookup: lookup }, { $unwind: '$same' }])
          .toArray()
        return rows.map(({ _id, same }) => [_id, same._id] as const)
      },
      async aggregate(handle) {
        const groups = await handle
          .collection('notes')
          .aggregate<{ _id: string; n: number }>([{ $group: { _id: '$text', n: { $sum: 1 } } }])
          .toArray()
        return new Map(groups.map(({ _id, n }) => [_id, n]))
      },
      prepared: noStatement('no prepared statements'),
      cursor: (handle, between) =>
        handle.transaction(async inner => {
          const found: Note[] = []
          for await (const note of inner.collection<Stored>('notes').find().batchSize(1)) {
            await between()
            found.push(read(note))
          }
          return found
        }),
      bulk: async (handle, notes) =>
        void (await handle.collection<Stored>('notes').insertMany(notes.map(({ id, text }) => ({ _id: id, text })))),
      async copy(handle) {
        const found: Note[] = []
        for await (const note of handle.collection<Stored>('notes').find().batchSize(1).stream())
          found.push(read(note as Stored))
        return found
      },
      callback: noStatement('no callbacks: its handle takes none'),
      rollback: mongo.hasTransactions
        ? async (handle, note) => {
            const undone = new Error('rolled back')
            const error = await failureOf(
              unit(handle, async notes => {
                await notes.put(note)
                throw undone
              }),
            )
            if (error !== undone) throw error
          }
        : noStatement('no transactions on this server'),
      savepoint: noStatement('no savepoints'),
      limit: noStatement('no statement that takes long, unless JavaScript is let in'),
      cancel: noStatement('no statement that takes long, unless JavaScript is let in'),
      kill: (handle, note) =>
        faulty(handle, note, async inner => {
          proxy.cut()
          await cutting(inner)
        }),
      temporary: noStatement('no temporary objects'),
      heldCursor: noStatement('no cursors that stand on a connection: they have an id, for which handles do not ask'),
      setting: noStatement('no settings of a connection'),
      lock: noStatement('no locks that a client takes'),
      second: async () => isolationOver(client),
    },
    objects: {
      left,
      async interrupt(tenant, step) {
        const own = new MongoClient(proxy.url, patience)
        const other = isolationOver(own)
        await other.ready()
        const rule = proxy.cutFrom(step)
        try {
          const failed = await other.provision(tenant).then(
            () => false,
            () => true,
          )
          if (failed && !rule.reached()) throw new Error('Provisioning failed, and nobody interrupted it.')
          return failed
        } finally {
          rule.remove()
          await other.close()
          await own.close()
        }
      },
      async plant(tenant) {
        await admin.db(nameOf(tenant)).collection<Stored>('theirs').insertOne({ _id: '1', text: 'of somebody else' })
      },
    },
    async close() {
      await isolation.close()
      for (const each of open) await each.close()
      await proxy.close()
    },
  }
}
