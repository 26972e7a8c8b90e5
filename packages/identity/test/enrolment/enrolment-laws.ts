import { createTenancy, type EnrolmentStore, type MemoryRegistry, type Tenancy } from '@tenantry/core'
import { beforeEach, describe, expect, it } from 'vitest'
import { createEnrolment, type Enrolling, type Enrolment, type EnrolmentOptions } from '../../src/index.ts'
import { recorder, refusal, shown } from '../support.ts'

/** What the laws are tried on. */
export interface EnrolmentSubject {
  readonly store: EnrolmentStore
  /** With two tenants, `a` and `b`, that are active. */
  readonly registry: EnrolmentOptions['registry']
  setStatus(tenant: 'a' | 'b', status: 'active' | 'suspended'): Promise<void>
}

export const act = { actor: 'ada', reason: 'rollout' }
const hour = 3_600_000
export const sleep = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

/** What stores of enrolment promise, and what is made of it. */
export function enrolmentLaws(make: () => Promise<EnrolmentSubject>): void {
  let subject: EnrolmentSubject
  let enrolment: Enrolment
  let tenancy: Tenancy
  let bound: Enrolling[]
  let count = 0

  const open = (more: Partial<EnrolmentOptions> = {}) =>
    createEnrolment({ ...{ store: subject.store, registry: subject.registry, tenancy, logger: recorder() }, ...more })
  const bind = (enrolling: Enrolling) => {
    bound.push(enrolling)
    return enrolling
  }
  const fresh = (word: string) => `${word}-${++count}`
  const redeem = (token: string, redeemer = fresh('agent')) => enrolment.redeem(token, { redeemer, bind })
  const refused = (token: string, redeemer?: string) => refusal('CREDENTIAL_INVALID', () => redeem(token, redeemer))
  const poolOf = (tenantId: string, more: object = {}) =>
    enrolment.createPool({ tenantId, name: fresh('pool'), ttl: hour, ...more }, act)
  const tokenOf = async (tenantId: string, more: object = {}) => {
    const { token, secret } = await enrolment.createToken({ tenantId, ...more }, act)
    return { id: token.id, text: secret.reveal() }
  }

  beforeEach(async () => {
    subject = await make()
    tenancy = createTenancy({ registry: subject.registry as MemoryRegistry, logger: recorder() })
    enrolment = open()
    bound = []
  })

  describe('pools', () => {
    it('A24 A25 A28 every token of a pool leads to its tenant and group, and none can be told otherwise', async () => {
      const { pool, secret } = await poolOf('a', { group: 'edge' })
      const label = { label: 'rack 7', tenantId: 'b', group: 'core', maxUses: 9, lifetime: 1 }
      const issued = await Promise.all(
        Array.from({ length: 100 }, () => enrolment.issue(pool.id, secret.reveal(), label)),
      )
      for (const { secret: token } of issued) {
        const got = await redeem(token.reveal())
        expect(got).toMatchObject({ tenantId: 'a', group: 'edge' })
      }
      const [one] = await enrolment.tokens('a')
      expect(one).toMatchObject({ tenantId: 'a', poolId: pool.id, group: 'edge', maxUses: 1, uses: 1, label: 'rack 7' })
      expect(one?.expiresAt).toBe((one?.createdAt ?? 0) + hour)
      expect(await enrolment.tokens('b')).toEqual([])
    })

    it('A28 a pool without a group puts nobody in one', async () => {
      const { pool, secret } = await poolOf('a')
      const got = await redeem((await enrolment.issue(pool.id, secret.reveal())).secret.reveal())
      expect(got.group).toBeUndefined()
    })

    it('A26 names are unique in a tenant, and in no other', async () => {
      await poolOf('a', { name: 'agents' })
      await poolOf('b', { name: 'agents' })
      expect((await refusal('INPUT_INVALID', () => poolOf('a', { name: 'agents' }))).details.field).toBe('name')
      expect((await enrolment.pools('a')).map(({ name }) => name)).toEqual(['agents'])
      for (const name of ['', 'x'.repeat(201), 'a\0b', 'a\nb', '\ud800'])
        await refusal('INPUT_INVALID', () => poolOf('a', { name }))
      await refusal('TENANT_NOT_FOUND', () => poolOf('nobody'))
    })

    it('A29 the time is that of each token, and the pool goes on', async () => {
      const { pool, secret } = await poolOf('a', { ttl: 300 })
      const first = await enrolment.issue(pool.id, secret.reveal())
      const early = await enrolment.issue(pool.id, secret.reveal())
      await redeem(early.secret.reveal())
      await sleep(400)
      await refused(first.secret.reveal())
      await redeem((await enrolment.issue(pool.id, secret.reveal())).secret.reveal())
      for (const ttl of [0, -1, 0.5, Number.NaN, 1e13]) await refusal('ARGUMENT_INVALID', () => poolOf('a', { ttl }))
    })

    it('A31 E13 one error, and the same questions to the store, for every secret that opens no pool', async () => {
      const [ofA, other, ofB] = [await poolOf('a'), await poolOf('a'), await poolOf('b')]
      const dead = await poolOf('a')
      await enrolment.revokePool('a', dead.pool.id, act)
      const asked: string[] = []
      const watched = open({ store: watch(subject.store, asked) })
      const cases: [string, string][] = [
        [ofA.pool.id, ofB.secret.reveal()],
        [ofA.pool.id, other.secret.reveal()],
        [ofB.pool.id, ofA.secret.reveal()],
        [ofA.pool.id, `${ofA.secret.reveal()}x`],
        [ofA.pool.id, ''],
        [ofA.pool.id, '0'.repeat(64)],
        [crypto.randomUUID(), ofA.secret.reveal()],
        [dead.pool.id, dead.secret.reveal()],
      ]
      const seen = new Set<string>()
      for (const [id, text] of cases) {
        asked.length = 0
        const error = await refusal('CREDENTIAL_INVALID', () => watched.issue(id, text))
        seen.add(`${error.message} ${asked}`)
        expect(shown(error)).not.toContain(ofA.secret.reveal())
      }
      await subject.setStatus('b', 'suspended')
      asked.length = 0
      seen.add(
        `${(await refusal('CREDENTIAL_INVALID', () => watched.issue(ofB.pool.id, ofB.secret.reveal()))).message} ${asked}`,
      )
      expect([...seen]).toHaveLength(1)
      expect(await enrolment.tokens('a')).toEqual([])
      await subject.setStatus('b', 'active')
      await enrolment.issue(ofB.pool.id, ofB.secret.reveal())
    })

    it('A31 the secret is shown once, and another takes its place at once', async () => {
      const { pool, secret } = await poolOf('a')
      expect(shown([pool, secret, await enrolment.pools('a')])).not.toContain(secret.reveal())
      const next = await enrolment.rotatePoolSecret('a', pool.id, act)
      await refusal('CREDENTIAL_INVALID', () => enrolment.issue(pool.id, secret.reveal()))
      await enrolment.issue(pool.id, next.reveal())
      // An identifier of another tenant's pool opens nothing either.
      for (const id of [pool.id, crypto.randomUUID()]) {
        await refusal('INPUT_INVALID', () => enrolment.rotatePoolSecret('b', id, act))
        await refusal('INPUT_INVALID', () => enrolment.revokePool('b', id, act))
      }
      await enrolment.issue(pool.id, next.reveal())
    })

    it('C31 a pool that is revoked takes all its tokens with it, for ever', async () => {
      const { pool, secret } = await poolOf('a')
      const { secret: token } = await enrolment.issue(pool.id, secret.reveal())
      await enrolment.revokePool('a', pool.id, act)
      await enrolment.revokePool('a', pool.id, act)
      await refused(token.reveal())
      await refusal('INPUT_INVALID', () => enrolment.rotatePoolSecret('a', pool.id, act))
      expect((await enrolment.pools('a'))[0]?.revokedAt).toBeGreaterThan(0)
    })
  })

  describe('tokens', () => {
    it('S34 A42 a tenant makes, lists and revokes its own, and sees each once', async () => {
      const { token, secret } = await enrolment.createToken({ tenantId: 'a', label: 'first agent', group: 'edge' }, act)
      expect(secret.reveal()).toMatch(/^enrol_[A-Za-z0-9]{43}$/)
      expect(await enrolment.tokens('a')).toEqual([token])
      expect(shown([token, secret, await enrolment.tokens('a')])).not.toContain(secret.reveal())
      expect(await redeem(secret.reveal())).toMatchObject({ tenantId: 'a', group: 'edge' })
      const dead = await tokenOf('a')
      for (const id of [dead.id, crypto.randomUUID()])
        await refusal('INPUT_INVALID', () => enrolment.revokeToken('b', id, act))
      await enrolment.revokeToken('a', dead.id, act)
      await refused(dead.text)
    })

    it('A32 whoever enrols is bound in a unit of work of their tenant', async () => {
      const { text } = await tokenOf('b', { group: 'edge' })
      const seen = await enrolment.redeem(text, {
        redeemer: 'key',
        bind: enrolling => ({ ...enrolling, current: tenancy.current().id }),
      })
      expect(seen).toMatchObject({ tenantId: 'b', group: 'edge', redeemer: 'key', current: 'b' })
    })

    it('C31 E13 one error, and the same questions to the store, for every token that is not good', async () => {
      const used = await tokenOf('a')
      const dead = await tokenOf('a')
      const over = await tokenOf('a', { lifetime: 1 })
      const good = await tokenOf('a')
      const ofB = await tokenOf('b')
      await redeem(used.text)
      await enrolment.revokeToken('a', dead.id, act)
      await subject.setStatus('b', 'suspended')
      await sleep(5)
      const pool = await poolOf('a')
      const asked: string[] = []
      enrolment = open({ store: watch(subject.store, asked) })
      const unknown = `enrol_${'a'.repeat(43)}`
      const seen = new Set<string>()
      const bad = [used.text, dead.text, over.text, ofB.text, unknown, '', 'x', `${good.text}x`, good.text.slice(0, -1)]
      for (const text of [...bad, pool.secret.reveal(), good.text.toUpperCase(), ` ${good.text}`, '0'.repeat(64)]) {
        asked.length = 0
        const error = await refused(text)
        if (text.length > 5) expect(shown(error)).not.toContain(text)
        seen.add(`${error.message} ${asked}`)
      }
      expect([...seen]).toHaveLength(1)
      expect(bound).toHaveLength(1)
      await redeem(good.text)
    })

    it('C31 may be for several, each once', async () => {
      const { text, id } = await tokenOf('a', { maxUses: 3 })
      await redeem(text, 'one')
      await refused(text, 'one')
      await redeem(text, 'two')
      await redeem(text, 'three')
      await refused(text, 'four')
      expect((await enrolment.redemptions('a', id)).map(({ redeemer }) => redeemer)).toEqual(['one', 'two', 'three'])
      expect(await enrolment.redemptions('b', id)).toEqual([])
      for (const maxUses of [0, -1, 1.5]) await refusal('ARGUMENT_INVALID', () => tokenOf('a', { maxUses }))
    })

    it('S34 may be without end', async () => {
      const { token } = await enrolment.createToken({ tenantId: 'a', lifetime: null }, act)
      expect(token.expiresAt).toBeUndefined()
      expect((await enrolment.tokens('a')).map(({ expiresAt }) => expiresAt)).toEqual([undefined])
    })

    it('C32 without a token there is no way in, unless there is one for those without, who are nobody yet', async () => {
      await refusal('CREDENTIAL_INVALID', () => enrolment.redeem(undefined, { redeemer: 'x', bind }))
      const unscoped = (redeemer: string) => ({ redeemer, tenant: tenancy.maybeCurrent()?.id })
      const enter = (token: string | undefined, redeemer: string) =>
        enrolment.redeem(token, { redeemer, bind, unscoped })
      const alone = fresh('alone')
      expect(await enter(undefined, alone)).toEqual({ redeemer: alone, tenant: undefined })
      const known = fresh('known')
      await redeem((await tokenOf('a')).text, known)
      await refusal('CREDENTIAL_INVALID', () => enter(undefined, known))
      // What is there and bad is not absent.
      for (const bad of ['', ' ', 'x']) await refusal('CREDENTIAL_INVALID', () => enter(bad, alone))
    })

    it('writes to the audit before it binds, and binds nobody that cannot be written', async () => {
      const entries: object[] = []
      const { text } = await tokenOf('a')
      enrolment = open({ audit: { audit: () => Promise.reject(new Error('the log is full')) } })
      await expect(redeem(text, 'r')).rejects.toThrow('the log is full')
      expect(bound).toEqual([])
      enrolment = open({ audit: { audit: async entry => void entries.push(entry) } })
      await redeem(text, 'r')
      expect(entries).toMatchObject([{ action: 'enrolment.redeem', actor: 'r', tenant: 'a' }])
      expect(JSON.stringify(entries)).not.toContain(text)
    })

    it.each(['', 'x'.repeat(257), 'a\nb'])('refuses the redeemer %j', async redeemer => {
      const { text } = await tokenOf('a')
      await refusal('INPUT_INVALID', () => redeem(text, redeemer))
      await redeem(text)
    })
  })

  describe('C31 what goes wrong in between loses no token and binds nobody twice', () => {
    it('a hook that fails: the same redeemer goes on under the same id, and nobody else does', async () => {
      const { text, id } = await tokenOf('a')
      const ids: string[] = []
      const fail = ({ redemption }: Enrolling) => {
        ids.push(redemption)
        throw new Error('the directory is down')
      }
      await expect(enrolment.redeem(text, { redeemer: 'one', bind: fail })).rejects.toThrow('the directory is down')
      await refused(text, 'two')
      expect(await enrolment.redemptions('a', id)).toMatchObject([{ redeemer: 'one', id: ids[0] }])
      expect((await redeem(text, 'one')).redemption).toBe(ids[0])
      expect((await enrolment.redemptions('a', id))[0]?.consumedAt).toBeGreaterThan(0)
      await refused(text, 'one')
    })

    it('a process that dies before it binds: nobody else, then the same one when the lease is over', async () => {
      const { text } = await tokenOf('a')
      enrolment = open({ lease: 400 })
      const never = new Promise<never>(() => undefined)
      void enrolment.redeem(text, { redeemer: 'one', bind: () => never })
      await sleep(100)
      await refused(text, 'one')
      await refused(text, 'two')
      await sleep(400)
      await refused(text, 'two')
      expect((await redeem(text, 'one')).redeemer).toBe('one')
    })

    it('a process that dies when it has bound: the hook is asked again for the same', async () => {
      const { text } = await tokenOf('a')
      const dying = { ...subject.store, consume: () => Promise.reject(new Error('dead')), giveUp: () => undefined }
      enrolment = open({ store: dying, lease: 200 })
      await expect(redeem(text, 'one')).rejects.toThrow('dead')
      enrolment = open()
      await refused(text, 'two')
      await sleep(250)
      await redeem(text, 'one')
      expect(new Set(bound.map(({ redemption, redeemer }) => `${redemption} ${redeemer}`)).size).toBe(1)
      expect(bound).toHaveLength(2)
    })

    it('an attempt that was overtaken says so, and ends nothing of the other', async () => {
      const { text, id } = await tokenOf('a')
      const quick = open({ lease: 50 })
      let release: () => void = () => undefined
      const held = new Promise<void>(resolve => {
        release = resolve
      })
      const slow = quick.redeem(text, { redeemer: 'one', bind: () => held })
      await sleep(120)
      const second = enrolment.redeem(text, {
        redeemer: 'one',
        async bind() {
          release()
          await refusal('OPERATION_TAKEN', () => slow)
          // Also what the first one gave up was not this.
          await refused(text, 'one')
          return 'bound'
        },
      })
      expect(await second).toBe('bound')
      expect(await enrolment.redemptions('a', id)).toHaveLength(1)
    })

    it('a token that is revoked while it is bound is not gone on with', async () => {
      const { text, id } = await tokenOf('a')
      const fail = () => Promise.reject(new Error('down'))
      await expect(enrolment.redeem(text, { redeemer: 'one', bind: fail })).rejects.toThrow('down')
      await enrolment.revokeToken('a', id, act)
      await refused(text, 'one')
    })
  })
}

/** Notes which questions a store is asked. */
function watch(store: EnrolmentStore, asked: string[]): EnrolmentStore {
  const entries = Object.entries(store).map(([name, fn]) => {
    const noted = (...args: never[]) => {
      asked.push(name)
      return (fn as (...args: never[]) => unknown)(...args)
    }
    return [name, noted]
  })
  return Object.fromEntries(entries)
}
