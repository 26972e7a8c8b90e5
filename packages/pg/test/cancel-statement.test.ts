import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, expect, it } from 'vitest'
import { cancelStatement } from '../src/index.ts'

// What a cancel does on a server is tested where connections are closed (`pg-database`). Here: that the request arrives.
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function received(listenAt: (folder: string) => string | { host: string; port: number }) {
  const folder = await mkdtemp(join(tmpdir(), 'tenantry-'))
  cleanups.push(() => rm(folder, { recursive: true }))
  const bytes: Buffer[] = []
  const server = createServer(socket => {
    socket.on('data', chunk => bytes.push(chunk)).on('error', () => undefined)
    // As Postgres does: it reads the request and closes without a word.
    socket.once('data', () => socket.end())
  })
  const at = listenAt(folder)
  await new Promise<void>(
    resolve => void (typeof at === 'string' ? server.listen(at, resolve) : server.listen(at, resolve)),
  )
  cleanups.push(() => new Promise(resolve => server.close(resolve)))
  const address = server.address()
  const [host, port] =
    typeof address === 'string' || address === null ? [folder, 5432] : (['127.0.0.1', address.port] as const)
  const client = Object.assign(new pg.Client({ host, port }), { processID: 7, secretKey: 9 })
  await cancelStatement(client)
  return Buffer.concat(bytes)
}

// CancelRequest (protocol message formats): its length, its code, process and key.
const request = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 7, 0, 0, 0, 9])

it('goes to a host and a port', async () => {
  expect(await received(() => ({ host: '127.0.0.1', port: 0 }))).toEqual(request)
})

it("goes to the folder of a server's socket", async () => {
  expect(await received(folder => join(folder, '.s.PGSQL.5432'))).toEqual(request)
})

it('is none for a client that never connected', async () => {
  await expect(cancelStatement(new pg.Client({ host: '127.0.0.1', port: 1 }))).resolves.toBeUndefined()
})
