import {
  type ApiKeyRecord,
  type ApiKeyStore,
  checkWholeNumbers,
  consoleLogger,
  type Logger,
  TenancyError,
  type WatchedRegistry,
} from '@tenantry/core'

/** Options of {@link cachedApiKeys}. */
export interface CachedApiKeysOptions {
  readonly store: ApiKeyStore
  /**
   * Hears when a tenant or its keys have changed, such as a `cachedRegistry` with buses, which then are listened to once for both. Default
   * none: a change is seen within the bound.
   */
  readonly registry?: Pick<WatchedRegistry, 'onChange'>
  /** Milliseconds within which a change is seen with every bus down, at most 60,000. Default 1,000. */
  readonly bound?: number
  /** How many keys are known at once. Default 10,000. */
  readonly max?: number
  /** Milliseconds that the last use of a key may be old before it is written: one write for all keys. Default 60,000. */
  readonly lag?: number
  /** Told when last uses cannot be written. Default: warnings and errors as JSON lines on standard error. */
  readonly logger?: Logger
}

/** An {@link ApiKeyStore} that remembers good keys for a moment, and writes down when they were used. */
export interface CachedApiKeys extends ApiKeyStore {
  /** As in the options. */
  readonly bound: number
  /** Writes what is not yet written, and stops. Answers nothing afterwards. @throws what the store throws. */
  close(): Promise<void>
}

interface Known {
  readonly record: ApiKeyRecord
  /** Milliseconds of `performance.now()`: from when the question was asked, not answered. */
  readonly since: number
}

/**
 * A cache around any store of API keys. A key that was revoked is refused as soon as the registry tells of a change of its tenant, and
 * otherwise within the bound. Only records that are there are kept: whoever guesses keys fills nothing, and each guess asks the store. A
 * question that began before a change is not kept.
 *
 * A store over Postgres tells of its changes by itself; with another bus, call `announce` of the `cachedRegistry` behind each change.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for an option against its rule. `find` throws what the store throws, and `SCOPE_CLOSED`.
 * @example
 * const keys = cachedApiKeys({ store: registry.apiKeys, registry: cache })
 * const tenancy = createTenancy({ registry: cache, resolvers: [apiKey({ keys })] })
 */
export function cachedApiKeys(options: CachedApiKeysOptions): CachedApiKeys {
  const { store, registry, bound = 1_000, max = 10_000, lag = 60_000, logger = consoleLogger } = options
  checkWholeNumbers({ bound, max, lag })
  if (bound > 60_000) throw new TenancyError('ARGUMENT_INVALID', { field: 'bound', rule: 'must be at most 60000' })
  const known = new Map<string, Known>()
  const uses = new Map<string, number>()
  /** Goes up with each change, of whatever tenant: which one a question is about is known when it is answered. */
  let epoch = 0
  let writing: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let isClosed = false

  const stop = registry?.onChange({
    changed({ id }) {
      epoch += 1
      for (const [hash, { record }] of known) if (record.tenantId === id) known.delete(hash)
    },
    missed() {
      epoch += 1
      known.clear()
    },
  })

  function use(record: ApiKeyRecord): ApiKeyRecord {
    if (store.noteUses === undefined) return record
    uses.set(record.id, Date.now())
    timer ??= setTimeout(() => {
      write().catch((error: unknown) => {
        logger.warn({ event: 'api-keys.uses', error: String(error) }, 'The last uses of API keys could not be written.')
      })
    }, lag).unref()
    return record
  }

  /** One write at a time. What could not be written is written with the next. */
  function write(): Promise<void> {
    timer = undefined
    writing = writing
      .catch(() => undefined)
      .then(async () => {
        const batch = [...uses].map(([id, at]) => ({ id, at }))
        if (batch.length === 0) return
        uses.clear()
        try {
          await store.noteUses?.(batch)
        } catch (error) {
          for (const { id, at } of batch) if (!uses.has(id) && uses.size < max) uses.set(id, at)
          throw error
        }
      })
    return writing
  }

  return {
    bound,
    find(tenantId, hash) {
      if (isClosed) throw new TenancyError('SCOPE_CLOSED', { what: 'The cache of API keys' })
      const found = known.get(hash)
      if (found !== undefined && performance.now() - found.since < bound) return use(found.record)
      return ask(tenantId, hash)
    },
    async close() {
      isClosed = true
      stop?.()
      clearTimeout(timer)
      known.clear()
      await write()
    },
  }

  async function ask(tenantId: string, hash: string): Promise<ApiKeyRecord | undefined> {
    const [since, before] = [performance.now(), epoch]
    const record = await store.find(tenantId, hash)
    // What was answered to another question is for whoever asked to refuse, and for nobody else.
    if (record === undefined || record === null || record.hash !== hash || record.revokedAt) return record ?? undefined
    if (epoch === before && !isClosed) {
      known.delete(hash)
      known.set(hash, { record, since })
      const [oldest] = known.keys()
      if (known.size > max && oldest !== undefined) known.delete(oldest)
    }
    return use(record)
  }
}
