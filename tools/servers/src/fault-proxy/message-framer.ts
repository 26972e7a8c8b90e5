import { type Direction, type MessageName, startupName, typedName } from './message-names.ts'

/** One message as it stands on the wire, type and length included. */
export interface Frame {
  readonly message: MessageName
  readonly bytes: Buffer
}

/** The framers of one connection's two directions. Feed a client's bytes before the server's answer to them. */
export type Framers = Readonly<Record<Direction, Framer>>

/** Cuts a stream of bytes into messages, however the network cut it. */
export interface Framer {
  /** Takes what arrived; returns the messages that are complete by now. */
  push(chunk: Buffer): Frame[]
  /** The stream is over: what is left of a message. */
  end(): Frame[]
}

/** What comes next on the wire. `raw`: nothing that can be understood, to the end of the connection. */
type Expected = 'startup' | 'answer' | 'typed' | 'raw'

/** The longest message that PostgreSQL sends or accepts; a greater length is no length. */
const longest = 2 ** 30

export const messageFramers = (): Framers => {
  const expected: Record<Direction, Expected> = { frontend: 'startup', backend: 'typed' }
  const toRaw = () => {
    expected.frontend = expected.backend = 'raw'
  }

  const lengthAt = (buffer: Buffer, offset: number, least: number): number | 'incomplete' | 'invalid' => {
    if (buffer.length < offset + 4) return 'incomplete'
    const length = buffer.readUInt32BE(offset)
    if (length < least || length > longest) return 'invalid'
    return buffer.length < offset + length ? 'incomplete' : offset + length
  }
  const frame = (message: MessageName, buffer: Buffer, length = buffer.length): Frame => ({
    message,
    bytes: buffer.subarray(0, length),
  })

  const readers: Record<Expected, (direction: Direction, buffer: Buffer) => Frame | 'incomplete' | 'invalid'> = {
    raw: (_, buffer) => frame('Raw', buffer),
    startup: (_, buffer) => {
      const length = lengthAt(buffer, 0, 8)
      if (typeof length === 'string') return length
      const message = startupName(buffer.readUInt32BE(4))
      if (message === 'SSLRequest' || message === 'GSSENCRequest') expected.backend = 'answer'
      else expected.frontend = 'typed'
      return frame(message, buffer, length)
    },
    answer: (direction, buffer) => {
      expected.backend = 'typed'
      const answer = String.fromCharCode(buffer[0] ?? 0)
      // An old server answers with an ErrorResponse; S and G begin encryption.
      if (answer === 'E') return readers.typed(direction, buffer)
      if (answer !== 'N') toRaw()
      return frame('EncryptionAnswer', buffer, 1)
    },
    typed: (direction, buffer) => {
      const message = typedName(direction, buffer[0] ?? 0)
      if (!message) return 'invalid'
      const length = lengthAt(buffer, 1, 4)
      return typeof length === 'string' ? length : frame(message, buffer, length)
    },
  }

  const framer = (direction: Direction): Framer => {
    let pieces: Buffer[] = []
    let size = 0
    /** Bytes to wait for before looking again: a large message in small pieces is joined once, not at every piece. */
    let wanted = 1
    const take = (): Frame[] => {
      let buffer = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
      const frames: Frame[] = []
      while (buffer.length > 0) {
        const next = readers[expected[direction]](direction, buffer)
        if (next === 'incomplete') break
        if (next === 'invalid') toRaw()
        else {
          frames.push(next)
          buffer = buffer.subarray(next.bytes.length)
        }
      }
      pieces = buffer.length > 0 ? [buffer] : []
      size = buffer.length
      const offset = expected[direction] === 'typed' ? 1 : 0
      wanted = size >= offset + 4 ? offset + buffer.readUInt32BE(offset) : 1
      return frames
    }
    return {
      push: chunk => {
        pieces.push(chunk)
        size += chunk.length
        return size >= wanted || expected[direction] === 'raw' ? take() : []
      },
      end: () => {
        const bytes = Buffer.concat(pieces)
        pieces = []
        size = 0
        return bytes.length > 0 ? [frame('Raw', bytes)] : []
      },
    }
  }
  return { frontend: framer('frontend'), backend: framer('backend') }
}
