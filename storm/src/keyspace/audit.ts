import type { Redis } from 'ioredis'
import type { Complaint } from '../subject.ts'
import { type KeyspaceWorld, keyOf, rowsEach, textOf } from './world.ts'

/** Compares every key of the server with what must be there. */
export async function auditKeys({ admin, tenants, rows, tally }: KeyspaceWorld, complain: Complaint): Promise<void> {
  const prefixes = new Map(tenants.map(tenant => [tenant.id, tenant]))
  const decoys = new Set([...Array(rowsEach).keys()].map(id => keyOf(id + 1)).concat('w:list'))
  const found = new Map<string, string | null>()
  let cursor = '0'
  do {
    const [next, keys] = await admin.scan(cursor, 'COUNT', 1000)
    cursor = next
    for (const key of keys) {
      const [namespace, id = ''] = key.split(':')
      if (decoys.delete(key)) {
        const text = key === 'w:list' ? (await admin.lrange(key, 0, -1)).join() : await admin.get(key)
        if (text !== 'of nobody') complain('decoy', `${key} is ${text}`, 'leak')
      } else if (namespace !== 't' || !prefixes.has(id)) complain('key', `${JSON.stringify(key)} is nobody's`, 'leak')
      else if (/^t:[^:]+:n:\d+$/.test(key)) found.set(key, await admin.get(key))
    }
  } while (cursor !== '0')
  for (const decoy of decoys) complain('decoy', `${decoy} is gone`, 'leak')
  for (const [tenant, model] of rows) {
    for (const [id, version] of model.known()) {
      const key = `t:${tenant.id}:${keyOf(id)}`
      tally.rows += 1
      if (found.get(key) !== textOf(tenant, version))
        complain('row', `${key} is ${found.get(key)}, not of version ${version}`, 'wrong')
      found.delete(key)
    }
    for (const [key, text] of found) {
      if (!key.startsWith(`t:${tenant.id}:`)) continue
      found.delete(key)
      if (!text?.startsWith(`of ${tenant.id} #`)) complain('row', `${key} is ${text}`, 'leak')
      else if (!model.isUnknown(Number(key.split(':')[3]))) complain('row', `${key} should not be there`, 'wrong')
    }
  }
}

/** What was sent, and is still to be read by the server's own rules. */
export interface SentKeys {
  watch(name: string, args: readonly (string | Buffer)[]): void
  /** Asks the server for the keys of each command: all must be some tenant's. Resolves with how many it looked at. */
  check(admin: Redis, complain: Complaint): Promise<number>
}

/** At most so many of each kind of command: the first ones, and every hundredth after that. */
export function sentKeys(): SentKeys {
  const seen = new Map<string, number>()
  const kept: { readonly name: string; readonly args: readonly (string | Buffer)[] }[] = []
  return {
    watch(name, args) {
      const times = (seen.get(name) ?? 0) + 1
      seen.set(name, times)
      if (times <= 200 || times % 100 === 0) kept.push({ name, args: [...args] })
    },
    async check(admin, complain) {
      let keys = 0
      for (const { name, args } of kept.splice(0)) {
        const told = await admin.call('COMMAND', 'GETKEYS', name, ...args).then(
          list => (list as string[]).map(String),
          // No keys, or none that the server can find: then it does not run it either.
          (): string[] => [],
        )
        for (const key of told) {
          keys += 1
          if (!/^t:[A-Za-z0-9_-]+:/.test(key))
            complain('sent', `${name} ${args.map(String).join(' ').slice(0, 200)} names ${key}`, 'leak')
        }
      }
      return keys
    },
  }
}
