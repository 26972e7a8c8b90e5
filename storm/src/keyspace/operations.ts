import { isTenancyError, type Tenant } from '@tenantry/core'
import { Caught } from '../caught.ts'
import type { TenantRows } from '../model.ts'
import type { Random } from '../random.ts'
import { count } from '../tally.ts'
import { commandLine } from './command-lines.ts'
import { type KeyspaceWorld, keyOf, textOf } from './world.ts'

/** One operation of one tenant. */
export interface KeyspaceTurn {
  readonly random: Random
  readonly tenant: Tenant
  readonly other: Tenant
  readonly rows: TenantRows
  readonly world: KeyspaceWorld
}

export interface KeyspaceOperation {
  readonly name: string
  /** How often, in parts of the sum of all. */
  readonly share: number
  run(turn: KeyspaceTurn): Promise<void>
}

/** Looks at whose text it is. */
function own({ tenant, world }: KeyspaceTurn, text: unknown): void {
  world.tally.rows += 1
  if (!String(text).startsWith(`of ${tenant.id} #`))
    throw new Caught('leak', `read ${JSON.stringify(text)} as ${tenant.id}`)
}

async function refused(turn: KeyspaceTurn, codes: readonly string[], work: () => unknown): Promise<void> {
  try {
    await work()
  } catch (error) {
    const code = isTenancyError(error) ? error.code : ''
    if (!codes.includes(code)) throw error
    count(turn.world.tally.errors, code)
    return
  }
  throw new Caught('wrong', `was not refused (${codes.join(', ')})`)
}

/** A change of one row: what becomes of it when it fails is not known. */
async function change(
  turn: KeyspaceTurn,
  work: (id: number, version: number) => Promise<number | undefined>,
): Promise<void> {
  const row = turn.rows.take(turn.random)
  if (row === undefined) return
  try {
    turn.rows.settle(row.id, await work(row.id, row.version))
  } catch (error) {
    turn.rows.settle(row.id, 'unknown')
    throw error
  }
}

async function readRow(turn: KeyspaceTurn, read: (key: string) => Promise<string | null | undefined>): Promise<void> {
  await change(turn, async (id, version) => {
    const text = await read(keyOf(id))
    own(turn, text)
    if (text !== textOf(turn.tenant, version))
      throw new Caught('wrong', `${keyOf(id)} is ${text}, not of version ${version}`)
    return version
  })
}

function answerOf(results: [Error | null, unknown][] | null, at: number): string {
  const [error, answer] = results?.[at] ?? [new Error('There is no answer.')]
  if (error) throw error
  return answer as string
}

const write = (
  share: number,
  name: string,
  send: (turn: KeyspaceTurn, key: string, text: string) => Promise<unknown>,
): KeyspaceOperation => ({
  ...{ name, share },
  run: turn =>
    change(turn, async id => {
      const version = turn.rows.newVersion()
      await send(turn, keyOf(id), textOf(turn.tenant, version))
      return version
    }),
})

const setAndGive = "redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])"

/** Everything that a tenant may do, and try. */
export const operations: readonly KeyspaceOperation[] = [
  { name: 'get', share: 14, run: turn => readRow(turn, key => turn.world.db.get(key)) },
  {
    name: 'get in a pipeline',
    share: 6,
    run: turn => readRow(turn, async key => answerOf(await turn.world.db.pipeline().ping().get(key).exec(), 1)),
  },
  {
    name: 'get in a transaction',
    share: 4,
    run: turn => readRow(turn, async key => answerOf(await turn.world.db.multi().get(key).exec(), 0)),
  },
  { name: 'mget', share: 4, run: turn => readRow(turn, async key => (await turn.world.db.mget('none', key))[1]) },
  write(10, 'set', ({ world }, key, text) => world.db.set(key, text)),
  write(4, 'set in a transaction', ({ world }, key, text) => world.db.multi().set(key, text).exec()),
  write(4, 'a script', async (turn, key, text) => own(turn, await turn.world.db.eval(setAndGive, 1, key, text))),
  write(3, 'rename', async ({ world, rows }, key, text) => {
    const other = `w:${rows.newVersion()}`
    await world.db.multi().rename(key, other).set(other, text).rename(other, key).exec()
  }),
  {
    name: 'delete and make another',
    share: 5,
    run: turn =>
      change(turn, async id => {
        if ((await turn.world.db.del(keyOf(id))) !== 1) throw new Caught('wrong', `${keyOf(id)} was not there`)
        const fresh = turn.rows.newId()
        const version = turn.rows.newVersion()
        try {
          await turn.world.db.set(keyOf(fresh), textOf(turn.tenant, version), 'NX')
        } catch (error) {
          turn.rows.settle(fresh, 'unknown')
          throw error
        }
        turn.rows.settle(fresh, version)
        return undefined
      }),
  },
  {
    name: 'all keys',
    share: 4,
    async run(turn) {
      const keys = await turn.world.db.keys('n:*')
      const texts = keys.length === 0 ? [] : await turn.world.db.mget(keys)
      for (const text of texts) if (text !== null) own(turn, text)
    },
  },
  {
    name: 'scan',
    share: 2,
    async run(turn) {
      for await (const key of turn.world.db.scanAll('n:*')) {
        const text = await turn.world.db.get(key)
        if (text !== null) own(turn, text)
      }
    },
  },
  {
    name: 'a queue',
    share: 4,
    async run(turn) {
      const queue = `q:${turn.rows.newVersion()}`
      // Together, so that neither fails while nobody listens.
      const [taken, put] = await Promise.allSettled([
        turn.world.db.blpop(queue, 1),
        turn.world.db.rpush(queue, textOf(turn.tenant, 0)),
      ])
      if (put.status === 'rejected') throw put.reason
      if (taken.status === 'rejected') throw taken.reason
      const [name, text] = taken.value ?? []
      // The connection that waited may have been killed; then it is tried again, and gets nothing.
      if (name === undefined) return
      if (name !== queue) throw new Caught('leak', `waited for ${queue}, got ${name}`)
      own(turn, text)
    },
  },
  {
    name: 'channels',
    share: 1,
    async run(turn) {
      const { db } = turn.world
      const connection = await db.connection({ maxRetriesPerRequest: 0 })
      connection.on('error', () => undefined)
      const heard: string[] = []
      // On other channels "any command" publishes any word, in the key space of its own tenant.
      const hear = (channel: string, text: string) => channel === 'news' && heard.push(text)
      connection.on('message', hear)
      connection.on('pmessage', (_, channel: string, text: string) => hear(channel, text))
      try {
        // The driver's own errors, as on any connection of ioredis.
        const isListening = await Promise.all([connection.subscribe('news'), connection.psubscribe('*')]).then(
          () => true,
          () => false,
        )
        if (!isListening) return
        await db.publish('news', textOf(turn.tenant, 0))
        await new Promise(resolve => setTimeout(resolve, 5))
        for (const text of heard) own(turn, text)
      } finally {
        connection.disconnect()
      }
    },
  },
  {
    name: 'the names of another',
    share: 6,
    async run(turn) {
      const { db } = turn.world
      // Not the one that "any command" writes, in the key space of its own tenant.
      const key = `t:${turn.other.id}:${keyOf(2)}`
      if ((await db.get(key)) !== null) throw new Caught('leak', `${key} could be read`)
      if ((await db.mget(key, `../${key}`, `{${key}}`)).some(text => text !== null))
        throw new Caught('leak', `${key} could be read`)
      if ((await db.keys(`${key}*`)).length > 0) throw new Caught('leak', `keys of ${turn.other.id} could be listed`)
    },
  },
  {
    name: 'a pipeline that is kept',
    share: 4,
    async run(turn) {
      const { db, tenancy } = turn.world
      const kept = db.pipeline().get(keyOf(1))
      await refused(turn, ['SCOPE_MISMATCH'], () =>
        turn.world.tenancy.runAsSystem({ actor: 'storm', reason: 'switches' }, () =>
          tenancy.run(turn.other, () => kept.exec()),
        ),
      )
    },
  },
  {
    name: 'a connection of another',
    share: 2,
    async run(turn) {
      const { world, random } = turn
      if (world.lent.length < 8) {
        const connection = await world.db.connection({ maxRetriesPerRequest: 0 })
        connection.on('error', () => undefined)
        world.lent.push({ tenant: turn.tenant, connection })
      }
      const { tenant, connection } = random.pick(world.lent)
      if (tenant.id === turn.tenant.id) return
      await refused(turn, ['SCOPE_MISMATCH'], () => connection.get(keyOf(1)))
    },
  },
  {
    name: 'scripts that reach out',
    share: 4,
    run: turn =>
      refused(turn, ['STATEMENT_REFUSED'], () =>
        turn.world.db.eval(
          turn.random.pick([
            `return redis.call('get', 't:${turn.other.id}:n:1')`,
            "return redis.call('get', ARGV[1])",
            "KEYS[1] = ARGV[1] return redis.call('get', KEYS[1])",
            "return redis.call('keys', '*')",
            "local call = redis.call return call('get', ARGV[1])",
          ]),
          1,
          'k',
          `t:${turn.other.id}:n:1`,
        ),
      ),
  },
  {
    name: 'any command',
    share: 18,
    async run(turn) {
      const { world, random, other, tenant } = turn
      const keys = ['w:1', 'w:2', 'w:list', `t:${other.id}:n:1`, `{t:${other.id}}`, '*', '']
      const texts = [
        '1',
        'x',
        '*',
        'STORE',
        'STREAMS',
        'GET',
        'BY',
        'KEYS',
        'MATCH',
        `t:${other.id}:n:1`,
        textOf(tenant, 0),
      ]
      const [name = '', ...args] = commandLine(random.pick(world.forms), random, { keys, texts })
      try {
        const answer = JSON.stringify(await world.db.call(name, ...args))
        if (new RegExp(`of (?!${tenant.id} #)[\\w-]+`).test(answer ?? ''))
          throw new Caught('leak', `${name} ${args.join(' ')} answered ${answer}`)
      } catch (error) {
        if (error instanceof Caught) throw error
        // Refused by the isolation, or by the server: either is well.
        count(
          world.tally.errors,
          isTenancyError(error) ? error.code : ((error as Error).message.split(' ')[0] as string),
        )
      }
    },
  },
  {
    name: 'a killed connection',
    share: 1,
    async run({ world, random }) {
      const list = String(await world.admin.client('LIST')).split('\n')
      const ids = list.filter(line => line.includes('name=storm-app')).map(line => /^id=(\d+)/.exec(line)?.[1] ?? '')
      if (ids.length > 0 && random.chance(0.5)) await world.admin.call('CLIENT', 'KILL', 'ID', random.pick(ids))
    },
  },
]
