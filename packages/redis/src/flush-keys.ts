import type { Cluster, Redis } from 'ioredis'
import { isCluster } from './connections/check-client.ts'

/** Does work with the client that reaches the keys. */
export type WithClient = <T>(work: (client: Redis | Cluster) => Promise<T>) => Promise<T>

/**
 * Every key that matches, from every node; a key may come twice, as with SCAN. Batches as the server gives them, and bytes: a name need
 * not be text.
 */
export async function* scanKeys(
  withClient: WithClient,
  pattern: string,
  count = 500,
): AsyncGenerator<readonly Buffer[]> {
  let nodes = 1
  for (let at = 0; at < nodes; at++) {
    let cursor = '0'
    do {
      // Page by page, so that a client is not held while the caller does something else.
      const [next, keys] = await withClient(client => {
        const all = isCluster(client) ? client.nodes('master') : [client]
        nodes = all.length
        const node = all[at]
        if (node === undefined) return Promise.resolve<[Buffer, Buffer[]]>([Buffer.from('0'), []])
        return node.scanBuffer(cursor, 'MATCH', pattern, 'COUNT', count)
      })
      cursor = String(next)
      if (keys.length > 0) yield keys
    } while (cursor !== '0')
  }
}

/**
 * Removes every key that matches, and says how many there were. Keys that are written meanwhile may stay.
 *
 * @param onProgress - told how many were removed so far.
 * @param remover - removes what the client has found. Default the client.
 */
export async function flushKeys(
  client: Redis | Cluster,
  pattern: string,
  onProgress: (removed: number) => void = () => undefined,
  remover = client,
): Promise<number> {
  let removed = 0
  for await (const keys of scanKeys(work => work(client), pattern)) {
    // One by one on a cluster, whose nodes refuse keys of several slots.
    const counts = isCluster(remover)
      ? await Promise.all(keys.map(key => remover.unlink(key)))
      : [await remover.unlink(...keys)]
    removed += counts.reduce((sum, each) => sum + each, 0)
    onProgress(removed)
  }
  return removed
}

/** How many keys match. Each counts once, though SCAN may tell of it twice. */
export async function countKeys(client: Redis | Cluster, pattern: string): Promise<number> {
  const known = new Set<string>()
  for await (const keys of scanKeys(work => work(client), pattern))
    for (const key of keys) known.add(key.toString('latin1'))
  return known.size
}
