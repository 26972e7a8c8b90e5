import type { Document } from 'mongodb'
import { type Act, look, must, type Operation, refused } from './acts.ts'
import type { Inhabitant, Stored } from './world.ts'

const outside = 'TENANT_CONTEXT_MISSING'
const away = ({ world, random }: Act) => ({ db: random.pick(world.inhabitants).database, coll: 'notes' })
const notesOf = ({ self }: Act) => self.handle.collection<Stored>('notes')

/** A stage that reads or writes another tenant's database. */
function escaping(act: Act): Document {
  const target = away(act)
  return act.random.pick<() => Document>([
    () => ({ $out: target }),
    () => ({ $merge: { into: target } }),
    () => ({ $merge: { into: 'notes', whenMatched: [{ $lookup: { from: target, as: 'x', pipeline: [] } }] } }),
    () => ({ $lookup: { from: target, localField: '_id', foreignField: '_id', as: 'x' } }),
    () => ({ $lookup: { from: 'notes', db: target.db, localField: '_id', foreignField: '_id', as: 'x' } }),
    () => ({ $unionWith: target }),
    () => ({ $unionWith: { ...target, pipeline: [] } }),
    () => ({
      $graphLookup: { from: target, startWith: '$_id', connectFromField: '_id', connectToField: '_id', as: 'x' },
    }),
    () => ({ $out: 'tenantry.identity' }),
    () => ({ $currentOp: { allUsers: true } }),
    () => ({ $changeStream: { allChangesForCluster: true } }),
    () => ({ $somewhere: target }),
  ])()
}

function buried(act: Act): Document[] {
  let pipeline: Document[] = [escaping(act)]
  for (let depth = act.random.int(4); depth > 0; depth -= 1) {
    const inner = pipeline
    const wrap = act.random.pick<() => Document>([
      () => ({ $facet: { a: [{ $match: {} }], b: inner } }),
      () => ({ $lookup: { from: 'notes', pipeline: inner, as: 'x' } }),
      () => ({ $unionWith: { coll: 'notes', pipeline: inner } }),
    ])
    pipeline = [{ $match: {} }, wrap()]
  }
  return pipeline
}

/** Says one thing when it is first asked and another later. */
function shifty(act: Act): Document[] {
  let asked = 0
  const target = away(act)
  const stage = {
    get $out() {
      asked += 1
      return asked > 1 ? target : 'copies'
    },
  }
  return [{ $limit: 1 }, act.random.chance(0.5) ? stage : { $match: {}, toBSON: () => ({ $out: target }) }]
}

/** One at a time for each nomad, or it could not be said what must be there. */
const busy = new Set<Inhabitant>()

/** What attackers do, and what happens to tenants meanwhile. */
export const hostile: readonly Operation[] = [
  {
    name: 'escaping pipeline',
    weight: 4,
    async run(act) {
      const pipeline = buried(act)
      await refused(`the pipeline ${JSON.stringify(pipeline)}`, ['STATEMENT_REFUSED'], () =>
        notesOf(act).aggregate(pipeline).toArray(),
      )
    },
  },
  {
    name: 'escaping stage by a cursor',
    weight: 1,
    run: act =>
      refused('a stage that was added', ['STATEMENT_REFUSED'], () =>
        notesOf(act).aggregate().addStage(escaping(act)).toArray(),
      ),
  },
  {
    name: 'pipeline with two faces',
    weight: 1,
    expects: ['STATEMENT_REFUSED'],
    async run(act) {
      await notesOf(act).aggregate(shifty(act)).toArray()
      look(act, await act.self.handle.collection<Stored>('copies').find().toArray())
    },
  },
  {
    name: 'options that lead away',
    weight: 2,
    async run(act) {
      const options = act.random.pick<object>([
        { dbName: away(act).db },
        { authdb: away(act).db },
        { session: {} },
        { out: 'notes' },
      ])
      const document = { _id: -1, owner: `smuggled by ${act.self.tenant.id}`, version: 0 }
      await refused('an insert with options', ['STATEMENT_REFUSED'], () => notesOf(act).insertOne(document, options))
    },
  },
  {
    name: 'kept collection',
    weight: 3,
    async run(act) {
      const kept = act.world.kept.get(act.self.handle)
      look(act, (await kept?.find().limit(5).toArray()) ?? [])
    },
  },
  {
    name: 'leave a cursor',
    weight: 2,
    async run(act) {
      const notes = notesOf(act)
      const cursor = act.random.chance(0.5)
        ? notes.find().batchSize(2)
        : notes.aggregate<Stored>([{ $match: {} }]).batchSize(2)
      if (act.random.chance(0.7)) await cursor.hasNext()
      const { lost } = act.world
      lost.push({ owner: act.self.tenant.id, cursor })
      // Whoever leaves too many has the first of them closed; else they would hold every client that there may be.
      if (lost.length > 20) await lost.shift()?.cursor.close()
    },
  },
  {
    name: 'somebody else’s cursor',
    weight: 3,
    expects: ['SCOPE_CLOSED'],
    async run(act) {
      if (act.world.lost.length === 0) return
      const { owner, cursor } = act.random.pick(act.world.lost)
      if (owner !== act.self.tenant.id) {
        await refused('a cursor of another tenant', ['SCOPE_MISMATCH'], async () => {
          const found = act.random.chance(0.5) ? await cursor.next() : (await cursor.toArray())[0]
          if (found != null) look(act, [found])
        })
        return
      }
      const found = await cursor.next()
      if (found !== null) look(act, [found])
    },
  },
  {
    name: 'nobody',
    weight: 2,
    async run(act) {
      const { tenancy } = act.world
      const access = { actor: 'storm', reason: 'no tenant' }
      await tenancy.runAsSystem(access, () =>
        refused('an operation of nobody', [outside], () => notesOf(act).findOne()),
      )
    },
  },
  {
    name: 'administration',
    weight: 1,
    async run(act) {
      const command = act.random.pick<Document>([
        { listDatabases: 1 },
        { dropDatabase: 1 },
        { usersInfo: 1 },
        { ping: 1, $db: away(act).db },
      ])
      await refused('a command', ['STATEMENT_REFUSED'], () => act.self.handle.command(command))
      const member = act.random.pick(['client', 'db', 's', 'rename'])
      await refused(`the member ${member}`, ['STATEMENT_REFUSED'], () => Reflect.get(notesOf(act), member))
      await refused('the mark', ['STATEMENT_REFUSED'], () => act.self.handle.collection('tenantry.identity'))
    },
  },
  {
    name: 'stolen placement',
    weight: 1,
    async run({ world, self, random }) {
      const victim = random.pick(world.inhabitants)
      if (victim === self || victim.isNomad) return
      const forged = { ...self.tenant, placement: victim.tenant.placement }
      const stolen = self.isolation.handle(() => forged).collection<Stored>('notes')
      const away = self.isNomad ? ['TENANT_STORE_MISSING'] : []
      const codes = [...away, 'PLACEMENT_INVALID', 'IDENTITY_MISMATCH', 'DATABASE_UNAVAILABLE', 'CONNECTION_LOST']
      await refused('a forged placement', codes, () => stolen.findOne())
    },
  },
  {
    name: 'kept transaction',
    weight: 1,
    async run(act) {
      const { self, world } = act
      if (!world.server.hasTransactions)
        return refused('a transaction', ['STATEMENT_REFUSED'], () => self.handle.transaction(async () => 1))
      const kept = await self.handle.transaction(async inner => {
        look(act, await inner.collection<Stored>('notes').find().toArray())
        return { inner }
      })
      await refused('a transaction that is over', ['SCOPE_CLOSED'], () => kept.inner.collection('notes').findOne())
    },
  },
  {
    name: 'a nomad goes or comes',
    weight: 0.3,
    async run({ world, random }) {
      const nomad = random.pick(world.inhabitants.filter(({ isNomad }) => isNomad))
      if (busy.has(nomad)) return
      busy.add(nomad)
      const { isolation, tenant } = nomad
      try {
        if (random.chance(0.5))
          must((await isolation.deprovision(tenant)).tenant === tenant.id, 'somebody else was erased')
        await isolation.provision(tenant)
      } finally {
        busy.delete(nomad)
      }
    },
  },
  {
    name: 'a connection breaks',
    weight: 0.2,
    run: async ({ world, random }) => world.proxy.cut(random),
  },
]
