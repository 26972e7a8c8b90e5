import { type Act, change, isUncertain, look, must, type Operation, yields } from './acts.ts'
import { patient } from './patience.ts'
import type { Stored } from './world.ts'

const notesOf = ({ self }: Act) => self.handle.collection<Stored>('notes')
const own = ({ self }: Act) => self.tenant.id

/** What applications do. */
export const ordinary: readonly Operation[] = [
  {
    name: 'find one',
    weight: 10,
    run: act =>
      change(act, async (id, version) => {
        const found = await notesOf(act).findOne({ _id: id })
        must(found !== null, `document ${id} is gone`)
        if (found !== null) look(act, [found])
        must(found?.version === version, `document ${id} is at ${found?.version}, not ${version}`)
        return version
      }),
  },
  { name: 'list', weight: 5, run: async act => look(act, await notesOf(act).find().toArray()) },
  {
    name: 'find sorted',
    weight: 3,
    run: async act => look(act, await notesOf(act).find({}, { limit: 3 }).sort({ _id: -1 }).toArray()),
  },
  {
    name: 'insert',
    weight: 5,
    async run(act) {
      const { rows, isNomad } = act.self
      const [_id, version] = [rows.newId(), rows.newVersion()]
      try {
        await patient(notesOf(act).insertOne({ _id, owner: own(act), version }))
        // A nomad's documents go when it goes, whoever has just written one.
        rows.settle(_id, isNomad ? 'unknown' : version)
      } catch (error) {
        rows.settle(_id, isUncertain(error) ? 'unknown' : undefined)
        throw error
      }
    },
  },
  {
    name: 'update',
    weight: 6,
    run: act =>
      change(act, async id => {
        const version = act.self.rows.newVersion()
        const { matchedCount } = await notesOf(act).updateOne({ _id: id }, { $set: { version } })
        must(matchedCount === 1, `${matchedCount} documents were updated`)
        return version
      }),
  },
  {
    name: 'replace',
    weight: 3,
    run: act =>
      change(act, async id => {
        const version = act.self.rows.newVersion()
        await notesOf(act).replaceOne({ _id: id }, { owner: own(act), version })
        return version
      }),
  },
  {
    name: 'find one and update',
    weight: 3,
    run: act =>
      change(act, async (id, before) => {
        const version = act.self.rows.newVersion()
        const found = await notesOf(act).findOneAndUpdate({ _id: id }, { $set: { version } })
        if (found !== null) look(act, [found])
        must(found?.version === before, `document ${id} was at ${found?.version}, not ${before}`)
        return version
      }),
  },
  {
    name: 'remove',
    weight: 3,
    run: act =>
      change(act, async id => {
        const { deletedCount } = await notesOf(act).deleteOne({ _id: id })
        must(deletedCount === 1, `${deletedCount} documents were removed`)
        return undefined
      }),
  },
  {
    name: 'bulk',
    weight: 2,
    run: act =>
      change(act, async id => {
        const version = act.self.rows.newVersion()
        await notesOf(act).bulkWrite([{ updateOne: { filter: { _id: id }, update: { $set: { version } } } }])
        return version
      }),
  },
  {
    name: 'count and distinct',
    weight: 2,
    async run(act) {
      await notesOf(act).countDocuments()
      const owners = await notesOf(act).distinct('owner')
      look(
        act,
        owners.map(owner => ({ owner })),
      )
    },
  },
  {
    name: 'group',
    weight: 2,
    async run(act) {
      const groups = await notesOf(act)
        .aggregate<{ _id: string }>([{ $group: { _id: '$owner', n: { $sum: 1 } } }])
        .toArray()
      look(
        act,
        groups.map(({ _id }) => ({ owner: _id })),
      )
    },
  },
  {
    name: 'lookup',
    weight: 1,
    async run(act) {
      const lookup = { from: 'notes', localField: '_id', foreignField: '_id', as: 'same' }
      const rows = await notesOf(act)
        .aggregate<{ owner: string; same: Stored[] }>([{ $limit: 3 }, { $lookup: lookup }])
        .toArray()
      look(act, rows)
      look(
        act,
        rows.flatMap(({ same }) => same),
      )
    },
  },
  {
    name: 'out and merge',
    weight: 1,
    async run(act) {
      await notesOf(act)
        .aggregate([{ $limit: 2 }, { $merge: 'copies' }])
        .toArray()
      look(act, await act.self.handle.collection<Stored>('copies').find().toArray())
    },
  },
  {
    name: 'cursor',
    weight: 3,
    async run(act) {
      for await (const note of notesOf(act).find().batchSize(2)) {
        look(act, [note])
        await yields(act.random)
      }
    },
  },
  {
    name: 'stream',
    weight: 1,
    async run(act) {
      for await (const note of notesOf(act).find().batchSize(3).stream()) look(act, [note as Stored])
    },
  },
]
