import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import fc from 'fast-check'
import { it } from 'vitest'
import { type Frame, messageFramers } from '../src/fault-proxy/message-framer.ts'
import { startFaultProxy } from '../src/index.ts'

const body = fc.uint8Array({ maxLength: 40 }).map(bytes => Buffer.from(bytes))
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const typed = (types: string) =>
  fc
    .tuple(fc.constantFrom(...types), body)
    .map(([type, rest]) => Buffer.concat([Buffer.from(type), int32(rest.length + 4), rest]))
const startup = (code: number) => body.map(rest => Buffer.concat([int32(rest.length + 8), int32(code), rest]))
const frontendStream = fc
  .tuple(startup(196_608), fc.array(typed('BCdcfDEHFPpQSX'), { maxLength: 20 }))
  .map(([first, rest]) => [first, ...rest])
const backendStream = fc.array(typed('RK23CdcGHWDIEVvnNAtS1sZT'), { maxLength: 20 })

/** A stream of bytes, cut at arbitrary places. */
const cutUp = (stream: fc.Arbitrary<Buffer>) =>
  stream.chain(bytes =>
    fc.array(fc.nat({ max: bytes.length }), { maxLength: 30 }).map(places => {
      const cuts = [0, ...places.sort((a, b) => a - b), bytes.length]
      return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end))
    }),
  )
const joined = (frames: readonly Frame[]) => Buffer.concat(frames.map(({ bytes }) => bytes))

it('finds the same messages however they are cut up', () => {
  fc.assert(
    fc.property(
      frontendStream.chain(messages => fc.tuple(fc.constant(messages), cutUp(fc.constant(Buffer.concat(messages))))),
      ([messages, chunks]) => {
        const { frontend } = messageFramers()
        const frames = chunks.flatMap(frontend.push)
        assert.deepEqual(
          frames.map(({ bytes }) => bytes.toString('hex')),
          messages.map(bytes => bytes.toString('hex')),
        )
        assert.equal(frames[0]?.message, 'StartupMessage')
        assert.deepEqual(frontend.end(), [])
      },
    ),
    { numRuns: 1_000 },
  )
})

it('gives back every byte in order, also of what is no protocol at all', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)),
    fc.tuple(frontendStream, body).map(([messages, rest]) => Buffer.concat([...messages, rest])),
    backendStream.map(messages => Buffer.concat(messages)),
  )
  fc.assert(
    fc.property(fc.constantFrom('frontend', 'backend'), cutUp(anything), (direction, chunks) => {
      const framer = messageFramers()[direction]
      const frames = [...chunks.flatMap(framer.push), ...framer.end()]
      assert.equal(joined(frames).toString('hex'), Buffer.concat(chunks).toString('hex'))
    }),
    { numRuns: 2_000 },
  )
})

it('follows the negotiation of encryption, refused and accepted', () => {
  const request = Buffer.concat([int32(8), int32(80_877_103)])
  const start = Buffer.concat([int32(9), int32(196_608), Buffer.from([0])])
  const names = (frames: Frame[]) => frames.map(({ message }) => message)

  const refused = messageFramers()
  assert.deepEqual(names(refused.frontend.push(request)), ['SSLRequest'])
  assert.deepEqual(names(refused.backend.push(Buffer.from('N'))), ['EncryptionAnswer'])
  assert.deepEqual(names(refused.frontend.push(start)), ['StartupMessage'])
  assert.deepEqual(names(refused.backend.push(Buffer.concat([Buffer.from('Z'), int32(5), Buffer.from('I')]))), [
    'ReadyForQuery',
  ])

  const accepted = messageFramers()
  accepted.frontend.push(request)
  assert.deepEqual(names(accepted.backend.push(Buffer.from('S'))), ['EncryptionAnswer'])
  assert.deepEqual(names(accepted.frontend.push(Buffer.from([22, 3, 1]))), ['Raw'])
  assert.deepEqual(names(accepted.backend.push(Buffer.from([22, 3, 3]))), ['Raw'])

  const cancel = messageFramers()
  const secret = Buffer.concat([int32(16), int32(80_877_102), int32(1), int32(2)])
  assert.deepEqual(names(cancel.frontend.push(secret)), ['CancelRequest'])
})

it('joins a large message in small pieces in linear time', () => {
  const { frontend, backend } = messageFramers()
  frontend.push(Buffer.concat([int32(8), int32(196_608)]))
  const size = 32 * 2 ** 20
  const begun = performance.now()
  backend.push(Buffer.concat([Buffer.from('D'), int32(size + 4)]))
  const piece = Buffer.alloc(4_096)
  const frames = Array.from({ length: size / piece.length }, () => backend.push(piece)).flat()
  assert.equal(frames.length, 1)
  assert.ok(performance.now() - begun < 2_000)
})

it('passes bytes unchanged between sockets, both ways, and their ends', async () => {
  const receive = async (socket: Socket) => Buffer.concat(await socket.toArray())
  const send = async (socket: Socket, chunks: readonly Buffer[]) => {
    for (const chunk of chunks) await new Promise<unknown>(resolve => socket.write(chunk, resolve))
    socket.end()
  }
  const peers: ((socket: Socket) => void)[] = []
  const target = createServer({ allowHalfOpen: true }, socket => peers.shift()?.(socket)).listen(0, '127.0.0.1')
  await once(target, 'listening')
  const proxy = await startFaultProxy({ target: { host: '127.0.0.1', port: (target.address() as AddressInfo).port } })
  const streams = (messages: fc.Arbitrary<Buffer[]>) =>
    cutUp(fc.oneof(messages.map(Buffer.concat), fc.uint8Array({ maxLength: 200 }).map(Buffer.from)))
  try {
    await fc.assert(
      fc.asyncProperty(streams(frontendStream), streams(backendStream), async (up, down) => {
        const served = new Promise<Buffer>(resolve =>
          peers.push(socket => {
            void receive(socket).then(resolve)
            void send(socket, down)
          }),
        )
        const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
        const received = receive(socket)
        await send(socket, up)
        assert.equal((await served).toString('hex'), Buffer.concat(up).toString('hex'))
        assert.equal((await received).toString('hex'), Buffer.concat(down).toString('hex'))
      }),
      { numRuns: 100 },
    )
  } finally {
    await proxy.close()
    target.close()
  }
})
