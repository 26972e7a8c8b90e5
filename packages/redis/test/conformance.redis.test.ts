import { laws, runLaw, type Subject, skipReason } from '@tenantry/conformance'
import { describeRedis } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TenantRedis } from '../src/index.ts'
import { redisSubject } from './redis-subject.ts'

const common = { sharedStore: true, transactions: false }
const without = new Set([
  'cte',
  'join',
  'aggregate',
  'copy',
  'rollback',
  'savepoint',
  'limit',
  'temporary',
  'heldCursor',
])

for (const { title, withUsers, claims } of [
  { title: 'all as one', withUsers: false, claims: { ...common, enforced: false, pooled: true, objects: false } },
  { title: 'a user for each', withUsers: true, claims: { ...common, enforced: true, pooled: false, objects: true } },
]) {
  describeRedis(`redis-keyspace keeps every law of isolation, ${title}`, redis => {
    let subject: Subject<TenantRedis>
    beforeAll(async () => {
      subject = await redisSubject(redis.server, withUsers)
    })
    afterAll(() => subject?.close())
    const isLeftOut = ({ claim, ability, member }: (typeof laws)[number]) =>
      (claim !== 'always' && !claims[claim]) ||
      (ability !== undefined && without.has(ability)) ||
      (member === 'suspend' && !withUsers)

    it('leaves out the laws of what it does not claim, and of what Redis cannot do', () => {
      expect(subject.isolation.claims).toEqual(claims)
      expect(laws.filter(law => skipReason(law, subject) !== undefined)).toEqual(laws.filter(isLeftOut))
    })
    for (const law of laws) {
      if (isLeftOut(law)) it.skip(`${law.name} (skipped: not claimed, or Redis cannot do it)`)
      else it(law.name, () => runLaw(law, subject))
    }
  })
}
