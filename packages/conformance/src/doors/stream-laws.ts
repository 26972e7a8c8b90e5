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
]
