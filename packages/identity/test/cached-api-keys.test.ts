import { type ChangeListener, type RequestView, TenancyError } from '@tenantry/core'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type ApiKeyRecord,
  type ApiKeyUse,
  apiKey,
  type CachedApiKeysOptions,
  cachedApiKeys,
  issueApiKey,
  memoryApiKeys,
} from '../src/index.ts'
import { recorder, refusal, request } from './support.ts'

const send = (key: { reveal(): string }): RequestView => request({ 'x-api-key': key.reveal() })
afterEach(() => void vi.useRealTimers())

function open(options: Partial<CachedApiKeysOptions> = {}) {
  const issued = issueApiKey('acme', { scopes: ['read'] })
  const memory = memoryApiKeys([issued.record])
  const asked: string[] = []
  const written: (readonly ApiKeyUse[])[] = []
  const state = { stop: undefined as Promise<void> | undefined, fails: false }
  const store = {
    async find(tenant: string, hash: string) {
      asked.push(tenant)
      const record = memory.find(tenant, hash)
      await state.stop
      return record
    },
    noteUses(uses: readonly ApiKeyUse[]) {
      if (state.fails) throw new TenancyError('DATABASE_UNAVAILABLE', { reason: 'gone' })
      written.push(uses)
    },
  }
  const listeners: ChangeListener[] = []
  const registry = {
    onChange(listener: ChangeListener) {
      listeners.push(listener)
      return () => void listeners.splice(0)
    },
  }
  const logger = recorder()
  const keys = cachedApiKeys({ store, registry, logger, ...options })
  const changed = (id: string) => {
    for (const listener of listeners) listener.changed({ id, version: 1, keys: [] })
  }
  const missed = () => {
    for (const listener of listeners) listener.missed()
  }
  const resolver = apiKey({ keys })
  const { key, record } = issued
  return { memory, asked, written, state, keys, changed, missed, resolver, key, record, logger, listeners }
}

describe('keys that are remembered', () => {
  it('I47 are asked for once within the bound, and again behind it', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout', 'clearTimeout'] })
    const { resolver, key, asked, memory, record } = open({ bound: 1_000 })
    for (let n = 0; n < 10; n++) await resolver.resolve(send(key))
    expect(asked).toHaveLength(1)
    memory.revoke(record.id)
    vi.advanceTimersByTime(999)
    await resolver.resolve(send(key))
    vi.advanceTimersByTime(1)
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(send(key)))
  })

  it.each(['changed', 'missed'] as const)(
    'E11 I47 are forgotten as soon as it is heard that something %s',
    async what => {
      const at = open({ bound: 60_000 })
      await at.resolver.resolve(send(at.key))
      at.memory.revoke(at.record.id)
      at.changed('beta')
      await at.resolver.resolve(send(at.key))
      expect(at.asked).toHaveLength(1)
      if (what === 'changed') at.changed('acme')
      else at.missed()
      await refusal('CREDENTIAL_INVALID', () => at.resolver.resolve(send(at.key)))
    },
  )

  it.each(['changed', 'missed'] as const)(
    'E11 C20 what was asked before something %s and is answered behind it is not remembered',
    async what => {
      const at = open({ bound: 60_000 })
      let answer = (): void => undefined
      at.state.stop = new Promise(resolve => (answer = resolve))
      const slow = at.resolver.resolve(send(at.key))
      await expect.poll(() => at.asked.length).toBe(1)
      at.memory.revoke(at.record.id)
      if (what === 'changed') at.changed('acme')
      else at.missed()
      answer()
      // It began before, and may be served; the next may not.
      await slow
      at.state.stop = undefined
      await refusal('CREDENTIAL_INVALID', () => at.resolver.resolve(send(at.key)))
    },
  )

  it('I47 a bound counts from the question, not from the answer', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout', 'clearTimeout'] })
    const at = open({ bound: 1_000 })
    let answer = (): void => undefined
    at.state.stop = new Promise(resolve => (answer = resolve))
    const slow = at.resolver.resolve(send(at.key))
    at.memory.revoke(at.record.id)
    vi.advanceTimersByTime(1_000)
    answer()
    await slow
    await refusal('CREDENTIAL_INVALID', () => at.resolver.resolve(send(at.key)))
  })

  it('E11 are not remembered when they are refused: an unknown, revoked or foreign one is asked for each time', async () => {
    const at = open({ bound: 60_000 })
    const other = issueApiKey('acme')
    for (let n = 0; n < 3; n++) await refusal('CREDENTIAL_INVALID', () => at.resolver.resolve(send(other.key)))
    expect(at.asked).toHaveLength(3)
    at.memory.add(other.record)
    await at.resolver.resolve(send(other.key))
    expect(at.asked).toHaveLength(4)
  })

  it('I47 an expired key is refused from memory too', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { key, record } = issueApiKey('acme', { lifetime: 5_000 })
    const keys = cachedApiKeys({ store: memoryApiKeys([record]), bound: 60_000, logger: recorder() })
    const resolver = apiKey({ keys })
    await resolver.resolve(send(key))
    vi.setSystemTime(record.createdAt + 4_999)
    await resolver.resolve(send(key))
    vi.setSystemTime(record.createdAt + 5_000)
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(send(key)))
    await keys.close()
  })

  it('are no more than is said', async () => {
    const all = Array.from({ length: 3 }, () => issueApiKey('acme'))
    const asked: string[] = []
    const memory = memoryApiKeys(all.map(({ record }) => record))
    const store = {
      find(tenant: string, hash: string) {
        asked.push(hash)
        return memory.find(tenant, hash)
      },
    }
    const resolver = apiKey({ keys: cachedApiKeys({ store, max: 2, bound: 60_000 }) })
    for (const { key } of [...all, ...all.slice(1), ...all.slice(0, 1)]) await resolver.resolve(send(key))
    expect(asked).toHaveLength(4)
  })

  it('whose store fails are no answer, and are asked for again', async () => {
    const at = open()
    at.state.stop = Promise.reject(new Error('down'))
    at.state.stop.catch(() => undefined)
    await expect(async () => at.resolver.resolve(send(at.key))).rejects.toThrow('down')
    at.state.stop = undefined
    expect(await at.resolver.resolve(send(at.key))).toBeDefined()
  })
})

describe('the last use of keys', () => {
  const timers = () => vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout', 'clearTimeout'] })

  it('is written once for all that were used within the lag, with the latest time', async () => {
    timers()
    const at = open({ lag: 60_000, bound: 60_000 })
    for (let n = 0; n < 5; n++) {
      await at.resolver.resolve(send(at.key))
      vi.advanceTimersByTime(1_000)
    }
    const last = Date.now() - 1_000
    expect(at.written).toEqual([])
    await vi.advanceTimersByTimeAsync(55_000)
    expect(at.written).toEqual([[{ id: at.record.id, at: last }]])
    await vi.advanceTimersByTimeAsync(600_000)
    expect(at.written).toHaveLength(1)
  })

  it('that cannot be written holds no request up, is told, and is written with the next', async () => {
    timers()
    const at = open({ lag: 1_000, bound: 60_000 })
    at.state.fails = true
    await at.resolver.resolve(send(at.key))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(at.logger.records).toMatchObject([{ level: 'warn', details: { event: 'api-keys.uses' } }])
    at.state.fails = false
    await at.keys.close()
    expect(at.written).toMatchObject([[{ id: at.record.id }]])
  })

  it('is written at the end, behind which nothing is answered', async () => {
    const at = open()
    await at.resolver.resolve(send(at.key))
    await at.keys.close()
    expect(at.written).toHaveLength(1)
    expect(at.listeners).toEqual([])
    await refusal('SCOPE_CLOSED', () => at.resolver.resolve(send(at.key)))
  })

  it('is not that of a key that was refused', async () => {
    const at = open()
    at.memory.revoke(at.record.id)
    await refusal('CREDENTIAL_INVALID', () => at.resolver.resolve(send(at.key)))
    await at.keys.close()
    expect(at.written).toEqual([])
  })
})

describe('keys in memory', () => {
  it('I47 are replaced, with an overlap in which both are good', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const [old, next] = [issueApiKey('acme'), issueApiKey('acme')]
    const keys = memoryApiKeys([old.record])
    keys.replace(old.record.id, next.record, { overlap: 60_000 })
    const resolver = apiKey({ keys })
    for (const { key } of [old, next]) await resolver.resolve(send(key))
    vi.setSystemTime(Date.now() + 60_000)
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(send(old.key)))
    await resolver.resolve(send(next.key))
  })

  it('I47 C09 are not replaced by those of another tenant, nor revived', async () => {
    const [old, other, next] = [issueApiKey('acme', { lifetime: 1_000 }), issueApiKey('beta'), issueApiKey('acme')]
    const keys = memoryApiKeys([old.record])
    const replace =
      (id: string, record: ApiKeyRecord, overlap = 60_000) =>
      () =>
        keys.replace(id, record, { overlap })
    await refusal('ARGUMENT_INVALID', replace(old.record.id, other.record))
    await refusal('ARGUMENT_INVALID', replace('nobody', next.record))
    await refusal('ARGUMENT_INVALID', replace(old.record.id, next.record, -1))
    replace(old.record.id, next.record)()
    expect((await keys.find('acme', old.record.hash))?.expiresAt).toBe(old.record.expiresAt)
    keys.revoke(old.record.id)
    await refusal('ARGUMENT_INVALID', replace(old.record.id, issueApiKey('acme').record))
  })

  it('scopes are those that were issued, and what cannot be read permits nothing', async () => {
    const scopesOf = async (scopes: unknown) => {
      const { key, record } = issueApiKey('acme')
      const found = await apiKey({
        keys: { find: () => ({ ...record, scopes: scopes as readonly string[] }) },
      }).resolve(send(key))
      return found?.principal?.scopes
    }
    expect(await scopesOf(['read'])).toEqual(['read'])
    expect(await scopesOf([])).toEqual([])
    expect(await scopesOf(undefined)).toBeUndefined()
    expect(await scopesOf('read')).toEqual([])
    expect(await scopesOf([1])).toEqual([])
    expect(issueApiKey('acme', { scopes: ['read'] }).record.scopes).toEqual(['read'])
    for (const bad of [['a b'], [''], [7], 'read'])
      await refusal('ARGUMENT_INVALID', () => issueApiKey('acme', { scopes: bad as string[] }))
  })

  it.each([{ bound: 0 }, { bound: 60_001 }, { max: 0 }, { lag: 0 }, { bound: 0.5 }])(
    'the cache does not take %o',
    async options => {
      await refusal('ARGUMENT_INVALID', () => open(options))
    },
  )
})
