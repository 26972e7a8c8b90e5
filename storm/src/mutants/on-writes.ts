import type pg from 'pg'
import { rewriteParse } from './rewrite-parse.ts'

interface Stream {
  write(messages: Buffer, ...rest: unknown[]): boolean
}

/** A client that sends other texts than it was told to. */
export function onWrites(rewrite: (text: string) => string): (client: pg.Client) => void {
  return client => {
    const { stream } = (client as unknown as { connection: { stream: Stream } }).connection
    const write = stream.write.bind(stream)
    stream.write = (messages, ...rest) => write(rewriteParse(messages, rewrite), ...rest)
  }
}
