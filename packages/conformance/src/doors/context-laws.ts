import assert from 'node:assert/strict'
import { setTimeout as slept, setImmediate as turned } from 'node:timers/promises'
import type { Tenant } from '@tenantry/core'
import { turnstile } from '../turnstile.ts'
import { both } from './both.ts'
import { type DoorLaw, doorLaw } from './door-law.ts'
import { rendezvous } from './rendezvous.ts'

/** Every part of a request runs as its tenant. */
export const doorContextLaws: readonly DoorLaw[] = [
  doorLaw('a request runs as its tenant from beginning to end', async bench => {
    const { where } = bench
    const meet = rendezvous(2)
    await both(bench, () => ({
      async handle() {
        const seen = [where()]
        for (const wait of [meet, turned, () => slept(1), meet, async () => undefined]) {
          await wait()
          seen.push(where())
        }
        seen.push(await new Promise<string>(resolve => process.nextTick(() => resolve(where()))))
        return seen.join(' ')
      },
    }))
  }),

  doorLaw('what listens for the end of a request hears it as its tenant', async bench => {
    const { a, b, visit, where } = bench
    const meet = rendezvous(2)
    const heard = [a, b].map(async own => {
      const seen: string[] = []
      const all = rendezvous(4)
      const hear = (): void => {
        seen.push(where())
        void all()
      }
      await visit(own, {
        async handle({ incoming, outgoing }) {
          outgoing.on('finish', hear).on('close', hear)
          incoming.on('close', hear)
          await meet()
          return 'done'
        },
      })
      await all()
      assert.deepEqual([...new Set(seen)], [own.slug])
    })
    await Promise.all(heard)
  }),

  doorLaw('an aborted request closes as its tenant', async bench => {
    const { a, b, visit, where } = bench
    const inside = rendezvous(2)
    const closed = rendezvous(3)
    const seen: string[] = []
    const aborted = visit(a, {
      opened: outgoing => void inside().then(() => outgoing.destroy()),
      async handle({ outgoing }) {
        outgoing.on('close', () => {
          seen.push(where())
          void closed()
        })
        // The other tenant's request comes in before this one is given up.
        const other = visit(b, { route: 'parsed', send: write => write('{}'), handle: async () => where() })
        assert.equal((await other).text, b.slug)
        void inside()
        await closed()
        seen.push(where())
        return 'to nobody'
      },
    })
    await Promise.allSettled([aborted])
    await closed()
    await turned()
    assert.deepEqual([...new Set(seen)], [a.slug])
  }),

  doorLaw('an error handler runs as the tenant of its request', async bench => {
    const { a, b, visit, where } = bench
    const meet = rendezvous(2)
    const failed = (): string => where()
    const answers = await Promise.all(
      [a, b].map(own =>
        visit(own, {
          failed,
          async handle() {
            await meet()
            throw new Error('thrown by the handler')
          },
        }),
      ),
    )
    assert.deepEqual(
      answers.map(({ status, text }) => [status, text]),
      [
        [500, a.slug],
        [500, b.slug],
      ],
    )
  }),

  doorLaw('parallel requests never meet', async bench => {
    const { tenant, visit, where, random, timeLimit } = bench
    const tenants = Array.from({ length: 12 }, () => tenant())
    const units = tenants.length * 8
    const gate = turnstile({ units, width: 12, random, patience: timeLimit / 3 })
    const wrong: string[] = []
    const one = async (own: Tenant): Promise<void> => {
      try {
        const { text } = await visit(own, {
          route: 'parsed',
          send: write => write(JSON.stringify({ tenant: own.slug })),
          async handle({ body }) {
            const seen = [(body as { tenant: string }).tenant, where()]
            for (let pass = 0; pass < 3; pass += 1) {
              await gate.pass()
              seen.push(where())
            }
            return seen.join(' ')
          },
        })
        if (text !== Array.from({ length: 5 }, () => own.slug).join(' ')) wrong.push(`${own.slug}: ${text}`)
      } finally {
        gate.leave()
      }
    }
    await Promise.all(random.shuffle(tenants.flatMap(own => Array.from({ length: 8 }, () => own))).map(one))
    assert.deepEqual(wrong, [])
  }),
]
