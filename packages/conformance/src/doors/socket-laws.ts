import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { type DoorLaw, doorLaw } from './door-law.ts'
import { rendezvous } from './rendezvous.ts'

/** A socket serves one tenant after another, and is nobody's. */
export const doorSocketLaws: readonly DoorLaw[] = [
  doorLaw('one socket serves each request as its own tenant', async ({ a, b, visit, where }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      const sockets = new Set<number | undefined>()
      for (const own of [a, b, a, a, b]) {
        const { text, socket } = await visit(own, {
          agent,
          route: 'parsed',
          send: write => write('{}'),
          handle: async () => where(),
        })
        assert.equal(text, own.slug)
        sockets.add(socket)
      }
      assert.equal(sockets.size, 1, 'The server closed the connection after a request.')
    } finally {
      agent.destroy()
    }
  }),

  doorLaw('pipelined requests are each of their own tenant', async ({ a, b, raw, port, where }) => {
    const order = [a, b, a]
    const meet = rendezvous(order.length)
    const handle = async (): Promise<string> => {
      const before = where()
      await meet()
      return `<${before} ${where()}>`
    }
    const socket = connect(port, '127.0.0.1').setEncoding('utf8')
    try {
      await once(socket, 'connect')
      // In one write, so that the second and third are there while the first is served.
      socket.write(order.map(own => raw(own, { handle })).join(''))
      let text = ''
      while ((text.match(/>/g)?.length ?? 0) < order.length) text += String((await once(socket, 'data'))[0])
      assert.deepEqual(
        [...text.matchAll(/<(.+?)>/g)].map(([, seen]) => seen),
        order.map(({ slug }) => `${slug} ${slug}`),
      )
    } finally {
      socket.destroy()
    }
  }),

  doorLaw('a refused request leaves nothing to the next on its socket', async bench => {
    const { a, b, visit, refused, where } = bench
    await visit(a, { handle: async () => where() })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      for (let i = 0; i < 2; i += 1) await refused(400, `nobody@${a.slug}.example.test`, { agent })
      assert.equal((await visit(b, { agent, handle: async () => where() })).text, b.slug)
      await refused(400, `nobody@${a.slug}.example.test`, { agent })
      assert.equal(where(), 'none')
    } finally {
      agent.destroy()
    }
  }),
]
