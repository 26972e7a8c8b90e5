import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { BSON } from 'mongodb'

/** What is between a client and a server, understands what they say, and interrupts it. */
export interface MongoProxy {
  /** The URL of the server, through the proxy. */
  readonly url: string
  /** Commands that came, those of the driver's own housekeeping left out. */
  readonly commands: readonly { readonly name: string; readonly database: string }[]
  /** Cursors that are open on the server, and transactions that nobody has ended. */
  open(): readonly string[]
  /** From the command of this number on, counted from now and from 0, every connection is cut before the server hears of it. */
  cutFrom(step: number): { readonly reached: () => boolean; readonly remove: () => void }
  /** Keeps back what the server answers, until it is let go. */
  hold(): () => void
  /** Cuts every connection now. */
  cut(): void
  close(): Promise<void>
}

const housekeeping = new Set([
  'hello',
  'ismaster',
  'isMaster',
  'ping',
  'endSessions',
  'buildInfo',
  'connectionStatus',
  'killCursors',
])
const opMsg = 2013

/** Cuts a stream into messages: four bytes of length, then the rest. */
function framer(each: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0)
  return chunk => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= rest.readInt32LE(0)) {
      const message = rest.subarray(0, rest.readInt32LE(0))
      rest = rest.subarray(message.length)
      each(message)
    }
  }
}

/** The document of an OP_MSG. @see https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/ */
function bodyOf(message: Buffer): BSON.Document | undefined {
  if (message.readInt32LE(12) !== opMsg || message[20] !== 0) return undefined
  return BSON.deserialize(message.subarray(21, 21 + message.readInt32LE(21)), { promoteLongs: true })
}

/** An answer to a request: a header, no flags, one document. */
function reply(request: Buffer, answer: BSON.Document): Buffer {
  const body = BSON.serialize(answer)
  const message = Buffer.alloc(21 + body.length)
  message.writeInt32LE(message.length, 0)
  message.writeInt32LE(request.readInt32LE(4), 8)
  message.writeInt32LE(opMsg, 12)
  message.set(body, 21)
  return message
}

/**
 * A proxy before a server on this machine or elsewhere.
 *
 * @param answer - what the proxy itself answers to a command that the server does not know; `undefined` for what goes to the server.
 */
export async function mongoProxy(
  target: string,
  answer: (command: BSON.Document) => BSON.Document | undefined = () => undefined,
): Promise<MongoProxy> {
  const { hostname, port, search, pathname, username, password } = new URL(target)
  const commands: { name: string; database: string }[] = []
  const cursors = new Set<string>()
  const transactions = new Set<string>()
  const sockets = new Set<Socket>()
  const held: (() => void)[] = []
  let isHolding = false
  let left = Number.POSITIVE_INFINITY
  let isReached = false

  function see(body: BSON.Document): boolean {
    const [name = ''] = Object.keys(body)
    if (name === 'killCursors') for (const id of body.cursors) cursors.delete(String(id))
    if (housekeeping.has(name)) return true
    commands.push({ name, database: String(body.$db) })
    const session = JSON.stringify(body.lsid)
    if (body.startTransaction === true) transactions.add(session)
    if (name === 'commitTransaction' || name === 'abortTransaction') transactions.delete(session)
    left -= 1
    if (left >= 0) return true
    isReached = true
    return false
  }

  function hear(body: BSON.Document): void {
    const id = body.cursor?.id
    if (id === undefined) return
    if (String(id) !== '0') cursors.add(String(id))
  }

  const server = createServer(client => {
    const upstream = connect(Number(port), hostname)
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    const asked = new Map<number, BSON.Document>()
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        sockets.delete(socket)
        end()
      })
    }
    client.on(
      'data',
      framer(message => {
        const body = bodyOf(message)
        if (body !== undefined) asked.set(message.readInt32LE(4), body)
        if (body !== undefined && !see(body)) return end()
        const own = body === undefined ? undefined : answer(body)
        if (own === undefined) upstream.write(message)
        else client.write(reply(message, own))
      }),
    )
    upstream.on(
      'data',
      framer(message => {
        const body = bodyOf(message)
        const request = asked.get(message.readInt32LE(8))
        asked.delete(message.readInt32LE(8))
        if (request?.getMore !== undefined && String(body?.cursor?.id ?? 0) === '0')
          cursors.delete(String(request.getMore))
        if (body !== undefined) hear(body)
        if (isHolding) held.push(() => void client.write(message))
        else client.write(message)
      }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = (server.address() as AddressInfo).port
  const login = username === '' ? '' : `${username}:${password}@`

  function cut(): void {
    for (const socket of sockets) socket.destroy()
  }

  return {
    url: `mongodb://${login}127.0.0.1:${own}${pathname}${search}`,
    commands,
    open: () => [...cursors].map(id => `cursor ${id}`).concat([...transactions].map(id => `transaction ${id}`)),
    cutFrom(step) {
      left = step
      isReached = false
      return {
        reached: () => isReached,
        remove: () => {
          left = Number.POSITIVE_INFINITY
        },
      }
    },
    hold() {
      isHolding = true
      return () => {
        isHolding = false
        for (const go of held.splice(0)) go()
      }
    },
    cut,
    async close() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
