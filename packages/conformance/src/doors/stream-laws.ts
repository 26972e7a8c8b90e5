import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { both } from './both.ts'
import { type DoorLaw, doorLaw } from './door-law.ts'
import { rendezvous } from './rendezvous.ts'

/** What comes and goes in pieces belongs to one tenant in every piece. */
export const doorStreamLaws: readonly DoorLaw[] = [
  doorLaw('a body that comes slowly is parsed for its own tenant', async bench => {
    const { where, resolved } = bench
    // Neither body ends before both requests have their tenant.
    const known = resolved(2)
    const meet = rendezvous(2)
    await both(bench, own => ({
      route: 'parsed',
      async send(write) {
        await write('{"tenant":')
        await known
        await meet()
        await write(`"${own.slug}"`)
        await meet()
        await write('}')
      },
      async handle({ body }) {
        const seen = [where(), (body as { tenant: string }).tenant]
        await meet()
        return [...seen, where()].join(' ')
      },
    }))
  }),

  doorLaw('the events of a body come to its own tenant', async bench => {
    const { where } = bench
    const listening = rendezvous(4)
    const meet = rendezvous(2)
    await both(bench, () => ({
      route: 'raw',
      async send(write) {
        await write('one')
        await listening()
        for (const piece of ['two', 'three']) {
          await meet()
          await write(piece)
        }
      },
      async handle({ incoming }) {
        const seen: string[] = []
        incoming.on('data', () => seen.push(where()))
        const ended = new Promise<void>(resolve => {
          incoming.on('end', () => {
            seen.push(where())
            resolve()
          })
        })
        await listening()
        await ended
        return [...seen, where()].join(' ')
      },
    }))
  }),

  doorLaw('a streamed answer is made by its own tenant', async bench => {
    const { where } = bench
    const meet = rendezvous(2)
    await both(bench, () => ({
      async handle() {
        let left = 6
        return new Readable({
          highWaterMark: 1,
          read() {
            const now = where()
            left -= 1
            if (left < 0) return void this.push(null)
            // More than a socket takes at once, so that its `drain` is what asks for the next piece.
            void meet().then(() => this.push(`${now} ${'.'.repeat(200_000)} `))
          },
        })
      },
    }))
  }),

  doorLaw('a streamed answer ends when its tenant is suspended', async ({ a, b, visit, where, suspend }) => {
    // Neither of them ends by itself.
    const streams = new Map<string, Readable>()
    const closed: Promise<unknown>[] = []
    const flowing = rendezvous(3)
    const open = (slug: string) => {
      const stream = new Readable({ read: () => undefined })
      if (slug === a.slug) closed.push(new Promise(resolve => stream.once('close', resolve)))
      stream.push(`${where()} `)
      // What a stream is ended with is no failure of the law.
      stream.on('error', () => undefined)
      streams.set(slug, stream)
      void flowing()
      return stream
    }
    const [suspended, active] = [a, b].map(own => {
      const answer = visit(own, { handle: async () => open(own.slug) })
      return answer.then(
        ({ text }) => text,
        () => 'cut off',
      )
    })
    await flowing()
    await suspend(a)
    await suspended
    await Promise.all(closed)
    const other = streams.get(b.slug)
    assert.ok(other?.closed === false, 'The stream of another tenant ended too.')
    other.push('end')
    other.push(null)
    assert.equal(await active, `${b.slug} end`)
  }),
]
