import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { failureOf, type Notes, type Row, type Subject } from '@tenantry/conformance'
import { secret, type Tenant, tenantDigest } from '@tenantry/core'
import type { RedisServer } from '@tenantry/servers'
import { Redis } from 'ioredis'
import { type RedisKeyspaceOptions, redisKeyspace, type TenantRedis } from '../src/index.ts'
import { silent, tenantOf } from './support.ts'

// Commands of the verbs below, which the server counts; nothing else on this server uses them, but the audit.
const counted = ['set', 'get', 'del', 'mget', 'mset', 'keys', 'scan', 'eval', 'evalsha', 'blpop', 'strlen']
const give = "if redis.call('set', KEYS[1], ARGV[1], 'XX') then return redis.call('get', KEYS[1]) else return nil end"
const all = "return redis.call('mget', unpack(KEYS))"

const together = (ids: readonly string[], texts: readonly (string | null)[]) =>
  ids.flatMap((id, at) => (typeof texts[at] === 'string' ? [{ id, text: texts[at] }] : []))

/** `redis-keyspace` over one server: with a user for each tenant, or all as one. */
export async function redisSubject(server: RedisServer, withUsers: boolean): Promise<Subject<TenantRedis>> {
  const admin = new Redis(server.url)
  const name = `subject-${randomBytes(4).toString('hex')}`
  const client = new Redis(server.url, {
    connectionName: name,
    commandTimeout: 1500,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 5,
  })
  client.on('error', () => undefined)
  const users = { admin, secret: secret('0123456789abcdef0123456789abcdef') }
  function isolationOver(more: Partial<RedisKeyspaceOptions> = {}) {
    return redisKeyspace({ client, logger: silent, ...(withUsers && { users }), ...more })
  }
  const isolation = isolationOver()
  const physical = new Map<string, Promise<Redis>>()
  const ownOf = (handle: TenantRedis): Promise<Redis> => {
    const { prefix } = handle
    const own = physical.get(prefix) ?? handle.connection({ keys: 'physical' })
    physical.set(prefix, own)
    return own
  }
  const keyOf = (tenant: string, id: string): string => `t:${tenant}:${id}`
  let audited = 0
  async function keysOf(pattern: string): Promise<readonly string[]> {
    audited += 1
    return (await admin.keys(pattern)).sort()
  }

  async function list(handle: TenantRedis) {
    const ids = await handle.keys('*')
    return ids.length === 0 ? [] : together(ids, await handle.mget(ids))
  }

  function notes(handle: TenantRedis): Notes {
    return {
      put: async ({ id, text }) => void (await handle.set(id, text)),
      async get(id) {
        const text = await handle.get(id)
        return text === null ? undefined : { id, text }
      },
      list: () => list(handle),
      count: async () => (await handle.keys('*')).length,
      update: async ({ id, text }) => ((await handle.set(id, text, 'XX')) === null ? 0 : 1),
      remove: id => handle.del(id),
      async putAs(tenant, { id, text }) {
        await (await ownOf(handle)).set(keyOf(tenant, id), text)
      },
      async move(id, tenant) {
        const text = await handle.get(id)
        return (await (await ownOf(handle)).set(keyOf(tenant, id), text ?? '')) === null ? 0 : 1
      },
    }
  }

  async function connections(): Promise<readonly Record<string, string>[]> {
    const list = (await admin.client('LIST')) as string
    return list
      .trim()
      .split('\n')
      .map(line => Object.fromEntries(line.split(' ').map(pair => pair.split('=') as [string, string])))
      .filter(each => each.name === name)
  }

  async function blocked(handle: TenantRedis): Promise<{ readonly id: string; readonly ends: Promise<unknown> }> {
    const ends = handle.blpop('never', 5)
    ends.catch(() => undefined)
    for (;;) {
      const [found] = (await connections()).filter(({ flags }) => flags?.includes('b'))
      if (found?.id !== undefined) return { id: found.id, ends }
    }
  }

  const userOf = ({ id }: Pick<Tenant, 'id'>): string => `tenant_${tenantDigest(id)}`

  return {
    isolation,
    server: 'redis-server',
    notes,
    refused: error => (error as { code?: unknown }).code === 'STATEMENT_REFUSED',
    outside: {
      async statements() {
        const stats = await admin.info('commandstats')
        const calls = counted.map(command =>
          Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
        )
        return calls.reduce((sum, each) => sum + each, 0) - audited
      },
      async everything() {
        const keys = await keysOf('t:*')
        if (keys.length === 0) return []
        audited += 1
        return together(keys, await admin.mget(...keys)).map(({ id, text }): Row => {
          const [, tenant = '', note = ''] = id.split(':')
          return { tenant, id: note, text }
        })
      },
      async residue() {
        // A connection that was given up may need a moment to be gone.
        for (let round = 0; round < 40 && (await connections()).some(({ flags }) => flags?.includes('b')); round++)
          await sleep(25)
        return (await connections()).flatMap(({ id, flags, db, sub, psub, multi, user }) =>
          flags === 'N' && db === '0' && sub === '0' && psub === '0' && multi === '-1'
            ? []
            : [`${id} ${flags} ${db} ${user}`],
        )
      },
      async unscoped() {
        const somebody = tenantOf('somebody')
        await isolation.provision(somebody)
        const { username, password } = (await isolation.handle(() => somebody).connection()).options
        const raw = new Redis(server.url, { username: username as string, password: password as string })
        const keys = await keysOf('t:*')
        if (keys.length === 0) throw new Error('There is nothing to look for.')
        const found: Row[] = []
        for (const key of keys) {
          const error = await failureOf(raw.get(key))
          if (!error.message.startsWith('NOPERM')) throw error
        }
        raw.disconnect()
        return found
      },
    },
    faults: {
      async timeout(handle, note) {
        await notes(handle).put(note)
        return failureOf(handle.blpop('never', 5))
      },
      async disconnect(handle, note) {
        await notes(handle).put(note)
        const ends = handle.strlen(note.id)
        client.stream.destroy()
        return failureOf(ends)
      },
    },
    more: {
      upsert: async (handle, { id, text }) => void (await handle.set(id, text)),
      async returning(handle, { id, text }) {
        const found = (await handle.eval(give, 1, id, text)) as string | null
        return found === null ? [] : [{ id, text: found }]
      },
      cte: { cannot: 'Redis has no command that removes all of a tenant' },
      join: { cannot: 'Redis joins nothing' },
      aggregate: { cannot: 'Redis groups nothing' },
      async prepared(handle) {
        const ids = await handle.keys('*')
        const sha = (await handle.script('LOAD', all)) as string
        return ids.length === 0 ? [] : together(ids, (await handle.evalsha(sha, ids.length, ...ids)) as string[])
      },
      async cursor(handle, between) {
        const found = new Map<string, string>()
        await between()
        for await (const id of handle.scanAll()) {
          await between()
          const text = await handle.get(id)
          if (text !== null) found.set(id, text)
        }
        return [...found].map(([id, text]) => ({ id, text }))
      },
      async bulk(handle, list) {
        if (list.every(({ tenant }) => tenant === undefined)) {
          await handle.mset(Object.fromEntries(list.map(({ id, text }) => [id, text])))
          return
        }
        const pipeline = (await ownOf(handle)).multi()
        const own = handle.prefix.slice(2, -1)
        for (const { tenant = own, id, text } of list) pipeline.set(keyOf(tenant, id), text)
        await pipeline.exec()
      },
      copy: { cannot: 'Redis has no other way to read much' },
      callback(handle, done) {
        handle.keys('*', (error, ids) => {
          if (error || !ids?.length) done(error, [])
          else handle.mget(ids, (failed, texts) => done(failed, together(ids, texts ?? [])))
        })
      },
      rollback: { cannot: 'transactions of Redis take nothing back' },
      savepoint: { cannot: 'transactions of Redis take nothing back' },
      limit: { cannot: 'Redis has no time limit for a command' },
      async cancel(handle, note) {
        await notes(handle).put(note)
        const { id, ends } = await blocked(handle)
        await admin.client('UNBLOCK', id, 'ERROR')
        return failureOf(ends)
      },
      async kill(handle, note) {
        await notes(handle).put(note)
        const { id, ends } = await blocked(handle)
        await admin.call('CLIENT', 'KILL', 'ID', id)
        return failureOf(ends)
      },
      temporary: { cannot: 'Redis has no temporary objects' },
      heldCursor: { cannot: 'a cursor of SCAN is the client’s' },
      setting: handle => [
        () => handle.call('select', '1'),
        () => handle.call('client', 'setname', 'x'),
        () => handle.call('client', 'tracking', 'on'),
        () => handle.call('hello', '2'),
        () => handle.call('auth', 'x'),
        () => handle.call('reset'),
      ],
      lock: handle => [
        () => handle.call('watch', 'k'),
        () => handle.call('multi'),
        () => handle.call('subscribe', 'x'),
        () => handle.call('monitor'),
        () => handle.call('client', 'pause', '1'),
      ],
      second: async () => isolationOver(),
    },
    objects: {
      async left(tenant) {
        const told = (await admin.call('ACL', 'GETUSER', userOf(tenant))) as unknown[] | null
        const keys = await keysOf(`t:${tenant.id}:*`)
        return told === null ? keys : [`user ${String(told[told.indexOf('keys') + 1])}`, ...keys]
      },
      async interrupt(tenant, step) {
        let steps = 0
        const dying = new Proxy(admin, {
          get: (target, property) =>
            property === 'call'
              ? async (...args: [string, ...string[]]) => {
                  if (steps++ === step) throw new Error('killed')
                  return target.call(...args)
                }
              : Reflect.get(target, property),
        })
        const other = isolationOver({ users: { ...users, admin: dying } })
        try {
          return await other.provision(tenant).then(
            () => false,
            () => true,
          )
        } finally {
          await other.close()
        }
      },
      async plant(tenant) {
        await admin.call('ACL', 'SETUSER', userOf(tenant), 'on', '>theirs', '~theirs:*')
      },
    },
    async close() {
      await isolation.close()
      client.disconnect()
      admin.disconnect()
    },
  }
}
