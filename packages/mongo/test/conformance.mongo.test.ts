import { laws, runLaw, type Subject, skipReason } from '@tenantry/conformance'
import { describeMongo, describeReplicaSet, type MongoForTests } from '@tenantry/servers/vitest'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TenantMongo } from '../src/index.ts'
import { mongoSubject } from './mongo-subject.ts'

function keepsLaws(mongo: MongoForTests, mode: 'client' | 'users'): void {
  let subject: Subject<TenantMongo>
  beforeAll(async () => {
    subject = await mongoSubject(mongo, mode)
  })
  afterAll(() => subject?.close())
  const claims = {
    sharedStore: false,
    enforced: mode === 'users',
    pooled: mode === 'client',
    transactions: mongo.hasTransactions,
    objects: true,
  }

  it('claims what it is', () => {
    expect(subject.isolation.claims).toEqual(claims)
  })
  for (const law of laws) {
    if (law.claim !== 'always' && !claims[law.claim])
      it.skip(`${law.name} (skipped: mongo does not claim ${law.claim} here)`)
    else
      it(law.name, async context => {
        const why = skipReason(law, subject)
        if (why !== undefined) context.skip(why)
        await runLaw(law, subject)
      })
  }
}

describeMongo('mongo keeps every law of isolation, by one credential', mongo => keepsLaws(mongo, 'client'))
describeReplicaSet('mongo keeps every law of isolation, by a user for each tenant', mongo => keepsLaws(mongo, 'users'))
