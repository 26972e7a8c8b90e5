import { Socket } from 'node:net'

/** A message that the client wrote (PostgreSQL documentation, section "Message Formats"). */
export interface FrontendMessage {
  readonly type: string
  /** Of Parse and Bind: the prepared statement. */
  readonly statement?: string
  /** Of Parse and Query. */
  readonly text?: string
  /** Of Bind. */
  readonly values?: readonly (string | null)[]
}

/** What goes over the sockets of a pool since the last `reset`. */
export interface Tap {
  /** For pg's `stream` option. */
  readonly stream: () => Socket
  readonly sockets: readonly Socket[]
  /** One entry a call of the socket's `_write` or `_writev`. */
  readonly writes: Buffer[]
  readonly reads: Buffer[]
  /** The messages written. */
  sent(): FrontendMessage[]
  /** The types of the messages received. */
  received(): string[]
  reset(): void
}

export function createTap(): Tap {
  const sockets: Socket[] = []
  const writes: Buffer[] = []
  const reads: Buffer[] = []

  class TappedSocket extends Socket {
    override _write(chunk: Buffer, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
      writes.push(Buffer.from(chunk))
      super._write(chunk, encoding, callback)
    }
    override _writev(
      chunks: { chunk: Buffer; encoding: BufferEncoding }[],
      callback: (error?: Error | null) => void,
    ): void {
      writes.push(Buffer.concat(chunks.map(({ chunk }) => Buffer.from(chunk))))
      super._writev?.(chunks, callback)
    }
  }

  return {
    stream() {
      const socket = new TappedSocket()
      sockets.push(socket)
      socket.on('data', (chunk: Buffer) => reads.push(chunk))
      return socket
    },
    sockets,
    writes,
    reads,
    sent: () => messages(Buffer.concat(writes)).map(decode),
    received: () => messages(Buffer.concat(reads)).map(({ type }) => type),
    reset() {
      writes.length = 0
      reads.length = 0
    },
  }
}

interface Message {
  readonly type: string
  readonly body: Buffer
}

function messages(bytes: Buffer): Message[] {
  const found: Message[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1)
    found.push({ type: String.fromCharCode(bytes.readUInt8(at)), body: bytes.subarray(at + 5, end) })
    at = end
  }
  return found
}

const names: Readonly<Record<string, string>> = {
  P: 'Parse',
  B: 'Bind',
  D: 'Describe',
  E: 'Execute',
  S: 'Sync',
  C: 'Close',
  Q: 'Query',
  H: 'Flush',
  X: 'Terminate',
}

function decode({ type, body }: Message): FrontendMessage {
  const name = names[type] ?? type
  const [first = '', second = ''] = body.toString('utf8').split('\0')
  if (name === 'Parse') return { type: name, statement: first, text: second }
  if (name === 'Query') return { type: name, text: first }
  if (name === 'Bind') return { type: name, statement: second, values: bound(body, first, second) }
  return { type: name }
}

function bound(body: Buffer, portal: string, statement: string): (string | null)[] {
  let at = Buffer.byteLength(portal) + Buffer.byteLength(statement) + 2
  at += 2 + 2 * body.readInt16BE(at)
  const count = body.readInt16BE(at)
  at += 2
  return Array.from({ length: count }, () => {
    const length = body.readInt32BE(at)
    const from = at + 4
    at = from + Math.max(length, 0)
    return length === -1 ? null : body.toString('utf8', from, at)
  })
}
