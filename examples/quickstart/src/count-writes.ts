import type pg from 'pg'

/** Counts what is written to the server's sockets, once they are connected: a write and its answer are a round trip. */
export function countWrites(pool: pg.Pool): { writes(): number; reset(): void } {
  let writes = 0
  pool.on('connect', client => {
    const { stream } = client.connection
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean
    stream.write = (...args: unknown[]) => {
      writes += 1
      return write(...args)
    }
  })
  return {
    writes: () => writes,
    reset() {
      writes = 0
    },
  }
}
