import type { Note } from '@tenantry/conformance'
import type { TenantClient } from '@tenantry/pg'
import type pg from 'pg'

/** All notes by COPY … TO, with just so much of a query object as `pg` needs. */
export function copied(client: TenantClient): Promise<Note[]> {
  return new Promise((resolve, reject) => {
    const text = 'copy (select id, text from notes) to stdout'
    const chunks: Buffer[] = []
    let failure: Error | undefined
    client.query({
      text,
      submit: (connection: pg.Connection) => connection.query(text),
      handleCopyData: ({ chunk }: { chunk: Buffer }) => void chunks.push(chunk),
      handleRowDescription: () => undefined,
      handleCommandComplete: () => undefined,
      handleError(error: Error) {
        failure = error
      },
      handleReadyForQuery() {
        if (failure !== undefined) return reject(failure)
        const lines = Buffer.concat(chunks).toString().split('\n').filter(Boolean)
        resolve(lines.map(line => line.split('\t')).map(([id = '', text = '']) => ({ id, text })))
      },
    } as unknown as pg.Submittable)
  })
}
