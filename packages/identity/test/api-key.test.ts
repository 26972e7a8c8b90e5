import { isTenantId } from '@tenantry/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ApiKeyRecord, apiKey, hashApiKey, issueApiKey, memoryApiKeys } from '../src/index.ts'
import { refusal, request, shown } from './support.ts'

const send = (key: string | string[]) => request({ 'x-api-key': key })
const { key, record } = issueApiKey('acme_corp')
const text = key.reveal()
const secretOf = (value: string) => value.slice(value.lastIndexOf('_sk_') + 4)
const refused = (value: string, records: readonly ApiKeyRecord[] = [record]) =>
  refusal('CREDENTIAL_INVALID', () => apiKey({ keys: memoryApiKeys(records) }).resolve(send(value)))
const tenantId = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/).filter(isTenantId)

describe('issueApiKey', () => {
  it('I35 I05 makes a key that begins with the tenant, and keeps only its hash', () => {
    expect(text).toMatch(/^acme_corp_sk_[A-Za-z0-9]{32}$/)
    expect(record).toMatchObject({ tenantId: 'acme_corp', hash: hashApiKey(text) })
    expect(record).not.toHaveProperty('expiresAt')
    expect(JSON.stringify(record)).not.toContain(secretOf(text))
  })

  it('I48 E11 shows the key to nobody who does not ask, and makes no two alike', () => {
    expect(shown(issueApiKey('acme_corp'))).not.toContain('_sk_')
    const secrets = Array.from({ length: 1000 }, () => secretOf(issueApiKey('a').key.reveal()))
    expect(new Set(secrets).size).toBe(1000)
    // Every place has every letter: 1000 draws of 62 leave one out with a chance of 10⁻⁵ in 32 places.
    for (let at = 0; at < 32; at++) expect(new Set(secrets.map(value => value[at])).size).toBeGreaterThan(58)
  })

  it.each(['', 'a b', 'a_sk_b', '../a', 'a'.repeat(65)])('I05 C09 makes none for %j', async id => {
    await refusal('ARGUMENT_INVALID', () => issueApiKey(id))
  })

  it('takes no lifetime that is no number of milliseconds', async () => {
    for (const lifetime of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      await refusal('ARGUMENT_INVALID', () => issueApiKey('a', { lifetime }))
  })
})

describe('apiKey', () => {
  it('I06 I36 takes the tenant from the key in x-api-key', async () => {
    const resolver = apiKey({ keys: memoryApiKeys([record]) })
    expect(await resolver.resolve(send(text))).toEqual({
      key: { kind: 'id', value: 'acme_corp' },
      trust: 'verified',
      principal: { credential: record.id },
    })
    expect(await resolver.resolve(request())).toBeUndefined()
  })

  it('I06 takes another header, and Bearer', async () => {
    const keys = memoryApiKeys([record])
    const match = { key: { value: 'acme_corp' } }
    expect(await apiKey({ keys, header: 'X-Key' }).resolve(request({ 'x-key': text }))).toMatchObject(match)
    const bearer = apiKey({ keys, header: 'Authorization' })
    expect(await bearer.resolve(request({ authorization: `Bearer ${text}` }))).toMatchObject(match)
    expect(await bearer.resolve(request({ authorization: `Basic ${text}` }))).toBeUndefined()
    expect(await bearer.resolve(send(text))).toBeUndefined()
  })

  it.each(['a', 'a_sk', 'a_sk_', '_sk', 'sk_', '_', '-', 'A_SK_b', 'a-sk-b', 'a'.repeat(64)].filter(isTenantId))(
    'I05 reads the tenant %s, however much of the mark it has in it',
    async id => {
      const issued = issueApiKey(id)
      const resolver = apiKey({ keys: memoryApiKeys([issued.record]) })
      expect(await resolver.resolve(send(issued.key.reveal()))).toMatchObject({ key: { value: id } })
    },
  )

  it('I05 C09 gives every issued key to its own tenant and no other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(tenantId, { minLength: 2, maxLength: 5 }), async ids => {
        const issued = ids.map(id => issueApiKey(id))
        const resolver = apiKey({ keys: memoryApiKeys(issued.map(each => each.record)) })
        for (const each of issued) {
          const found = await resolver.resolve(send(each.key.reveal()))
          expect(found).toMatchObject({ key: { value: each.record.tenantId } })
          // The secret of one behind the name of another.
          const other = ids.find(id => id !== each.record.tenantId)
          await refusal('CREDENTIAL_INVALID', () =>
            resolver.resolve(send(`${other}_sk_${secretOf(each.key.reveal())}`)),
          )
        }
      }),
    )
  })

  it.each([
    ['nothing', ''],
    ['a space', ' '],
    ['the mark alone', '_sk_'],
    ['no tenant', `_sk_${secretOf(text)}`],
    ['no secret', 'acme_corp_sk_'],
    ['a short secret', 'acme_corp_sk_abcdefghijklmnopqrstu'],
    ['a very long secret', `acme_corp_sk_${'a'.repeat(129)}`],
    ['a huge key', `acme_corp_sk_${'a'.repeat(100_000)}`],
    ['a tenant of 65 characters', `${'a'.repeat(65)}_sk_${secretOf(text)}`],
    ['a tenant with the mark in it', `a_sk_b_sk_${secretOf(text)}`],
    ['a secret with the mark in it', `acme_corp_sk_${secretOf(text)}_sk_${secretOf(text)}`],
    ['a tenant that is a path', `../acme_corp_sk_${secretOf(text)}`],
    ['a percent sign', `acme%5Fcorp_sk_${secretOf(text)}`],
    ['a line break at the end', `${text}\n`],
    ['a space at the end', `${text} `],
    ['a space in front', ` ${text}`],
    ['a NUL', `${text}\0`],
    ['quotes', `"${text}"`],
    ['two keys', `${text}, ${text}`],
    ['a letter that only looks the same', text.replace('a', 'а')],
    ['capitals', text.toUpperCase()],
    ['another mark', text.replace('_sk_', '_pk_')],
    ['Bearer', `Bearer ${text}`],
    ['a token', 'eyJhbGciOiJub25lIn0.e30.'],
    ['a hash', record.hash],
    ['a hash behind the tenant', `acme_corp_sk_${record.hash}`],
    ['an unknown tenant', `ghost_sk_${secretOf(text)}`],
    ['the tenant in capitals', `ACME_CORP_sk_${secretOf(text)}`],
    ['another secret', `acme_corp_sk_${'A'.repeat(32)}`],
    ['a secret less its end', text.slice(0, -1)],
    ['a secret with more at its end', `${text}A`],
    ['__proto__', `__proto___sk_${secretOf(text)}`],
  ])('I05 E11 C09 refuses %s, as one that does not exist', async (_, value) => {
    const error = await refused(value)
    const unknown = await refused(`acme_corp_sk_${'B'.repeat(32)}`)
    expect([error.message, error.details]).toEqual([unknown.message, unknown.details])
    if (value.length > 21) expect(shown(error)).not.toContain(value.trim())
  })

  it('E11 refuses a key that is short enough to be guessed, though it is kept', async () => {
    const short = `acme_corp_sk_${'a'.repeat(21)}`
    const longer = `${short}a`
    const keep = (value: string) => [{ ...record, hash: hashApiKey(value) }]
    await refused(short, keep(short))
    expect(await apiKey({ keys: memoryApiKeys(keep(longer)) }).resolve(send(longer))).toBeDefined()
  })

  it('E4 refuses a key that stands twice', async () => {
    await refusal('REQUEST_INVALID', () => apiKey({ keys: memoryApiKeys([record]) }).resolve(send([text, text])))
  })

  it('E11 gives whatever else is sent nothing but the one error, and never asks the store for what is no key', async () => {
    const asked: string[] = []
    const keys = { find: (id: string) => void asked.push(id) }
    const part = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('_sk_', 'acme_corp', secretOf(text)))
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 6 }), async parts => {
        await refusal('CREDENTIAL_INVALID', () => apiKey({ keys }).resolve(send(parts.join(''))))
      }),
      { numRuns: 2000 },
    )
    expect(asked.every(isTenantId)).toBe(true)
  })

  describe('E13 asks the store once and with the same for every key of the right form, whatever comes of it', () => {
    it.each<[string, ApiKeyRecord | undefined | null]>([
      ['unknown', undefined],
      ['null', null],
      ['of another tenant', { ...record, tenantId: 'beta' }],
      ['of another key', { ...record, hash: hashApiKey('other') }],
      ['with a hash that is too short', { ...record, hash: record.hash.slice(0, 32) }],
      ['with no hash', { ...record, hash: '' }],
      ['revoked', { ...record, revokedAt: Date.now() }],
      ['revoked at a time to come', { ...record, revokedAt: Date.now() + 60_000 }],
      ['revoked in 1970', { ...record, revokedAt: 0 }],
      ['expired', { ...record, expiresAt: Date.now() - 1 }],
      ['expired in 1970', { ...record, expiresAt: 0 }],
      ['expired at no time', { ...record, expiresAt: Number.NaN }],
      ['expiring at a text', { ...record, expiresAt: '2999-01-01' as unknown as number }],
    ])('C09 I47 %s', async (_, answer) => {
      const asked: string[][] = []
      const find = async (...args: string[]) => {
        asked.push(args)
        return answer
      }
      const resolver = apiKey({ keys: { find } })
      const error = await refusal('CREDENTIAL_INVALID', () => resolver.resolve(send(text)))
      expect(error.details).toEqual({ source: 'api key' })
      expect(error.cause).toBeUndefined()
      expect(asked).toEqual([['acme_corp', record.hash]])
      expect(shown(error)).not.toContain(secretOf(text))
      expect(shown(error)).not.toContain(record.hash)
    })
  })

  it('takes a record with nulls, as a database has them', async () => {
    const row = { ...record, expiresAt: null, revokedAt: null } as unknown as ApiKeyRecord
    expect(await apiKey({ keys: { find: () => row } }).resolve(send(text))).toMatchObject({ trust: 'verified' })
  })

  it('a store that is down is no bad key', async () => {
    const keys = { find: () => Promise.reject(new Error('down')) }
    await expect(apiKey({ keys }).resolve(send(text))).rejects.toThrow('down')
  })

  it('I47 two keys of a tenant are good at once; one that is revoked is refused from then on', async () => {
    const next = issueApiKey('acme_corp', { lifetime: 60_000 })
    const keys = memoryApiKeys([record])
    keys.add(next.record)
    const resolver = apiKey({ keys })
    const ask = (value: string) => resolver.resolve(send(value))
    expect(await ask(text)).toBeDefined()
    expect(await ask(next.key.reveal())).toBeDefined()
    keys.revoke(record.id)
    await refusal('CREDENTIAL_INVALID', () => ask(text))
    expect(await ask(next.key.reveal())).toBeDefined()
  })

  it('I47 E11 a key ends with its lifetime', async () => {
    const issued = issueApiKey('acme_corp', { lifetime: 20 })
    const resolver = apiKey({ keys: memoryApiKeys([issued.record]) })
    expect(await resolver.resolve(send(issued.key.reveal()))).toBeDefined()
    await new Promise(resolve => setTimeout(resolve, 40))
    await refusal('CREDENTIAL_INVALID', () => resolver.resolve(send(issued.key.reveal())))
  })
})

describe('memoryApiKeys', () => {
  it.each<[string, Partial<ApiKeyRecord>]>([
    ['no tenant', { tenantId: 'a b' }],
    ['the key for its hash', { hash: text }],
    ['a hash that is there', { id: 'new' }],
    ['an id that is there', { hash: hashApiKey('new') }],
  ])('takes no record with %s', async (_, change) => {
    const error = await refusal('ARGUMENT_INVALID', () => memoryApiKeys([record, { ...record, ...change }]))
    expect(shown(error)).not.toContain(secretOf(text))
  })
})
