import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { it } from 'vitest'
import { type PostgresServer, startPostgres } from '../src/index.ts'
import { describePostgres } from '../src/vitest/index.ts'

const alive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
const eventually = async (what: string, holds: () => boolean) => {
  const deadline = Date.now() + 15_000
  while (!holds()) {
    if (Date.now() > deadline) assert.fail(`not within 15 s: ${what}`)
    await sleep(50)
  }
}
const scalar = async (url: string, sql: string) => {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows[0]?.[0]
  } finally {
    await client.end()
  }
}
const launched = ({ pid, directory }: PostgresServer) => {
  assert.ok(pid && directory)
  return { pid, directory }
}

describePostgres('a launched server', pg => {
  const source = () => {
    const { source: kind, major } = pg.descriptor
    return kind === 'debian' ? { kind, major } : ({ kind: 'embedded' } as const)
  }
  const startChild = async (...args: string[]) => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '-C', 'tenantry-source', 'child.ts', JSON.stringify(source()), ...args],
      { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const exit = once(child, 'exit')
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    return { child, exit, ...(JSON.parse(line) as { pid: number; directory: string }) }
  }

  for (const signal of ['SIGKILL', 'SIGINT', 'SIGTERM'] as const) {
    it(`goes when its parent is ended by ${signal}`, async () => {
      const { child, exit, pid, directory } = await startChild()
      assert.ok(alive(pid) && existsSync(directory))
      child.kill(signal)
      assert.deepEqual(await exit, [null, signal])
      await eventually('the server is gone', () => !alive(pid))
      await eventually('its directory is gone', () => !existsSync(directory))
    })
  }

  it('keeps no process running that forgot to stop it', async () => {
    const { exit, pid, directory } = await startChild('forget')
    assert.deepEqual(await exit, [0, null])
    await eventually('the server is gone', () => !alive(pid))
    await eventually('its directory is gone', () => !existsSync(directory))
  })

  it('is gone when stop() resolves, and stop() may be called twice', async () => {
    const server = await pg.ownServer()
    const { pid, directory } = launched(server)
    await Promise.all([server.stop(), server.stop()])
    assert.equal(alive(pid), false)
    assert.equal(existsSync(directory), false)
  })

  it('comes back on the same port with its data', async () => {
    const server = await pg.ownServer()
    const { ownerUrl } = await server.freshDatabase()
    const { pid } = launched(server)
    await scalar(ownerUrl, 'create table kept as select 42 as answer')
    await server.down()
    assert.equal(alive(pid), false)
    await assert.rejects(scalar(ownerUrl, 'select 1'), { code: 'ECONNREFUSED' })
    await server.up()
    assert.equal(await scalar(ownerUrl, 'select answer from kept'), 42)
    assert.notEqual(server.pid, pid)
  })

  it('reports one line without a password', async () => {
    const lines: string[] = []
    const server = await startPostgres({ source: source(), report: line => lines.push(line) })
    await server.stop()
    assert.equal(lines.length, 1)
    assert.match(
      lines[0] ?? '',
      /^tenantry: PostgreSQL \d+\.\d+ \((embedded|Debian)\) on 127\.0\.0\.1:\d+, ready in \d+\.\d s$/,
    )
  })

  it.skipIf(process.platform !== 'linux')(
    'shows no password on a command line or in its log [Linux: reads /proc]',
    async () => {
      const server = await pg.ownServer()
      const { pid, directory } = launched(server)
      const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      const { adminUrl, owner, runtime } = server.descriptor
      const places = [
        readFileSync(`/proc/${pid}/cmdline`, 'utf8'),
        readFileSync(`/proc/${parent}/cmdline`, 'utf8'),
        readFileSync(`/proc/${parent}/environ`, 'utf8'),
        readFileSync(`${directory}/server.log`, 'utf8'),
      ]
      assert.match(places[0] ?? '', /postgres/)
      assert.match(places[1] ?? '', /guardian\.mjs/)
      for (const secret of [new URL(adminUrl).password, owner.password, runtime.password]) {
        assert.ok(secret.length >= 32)
        for (const place of places) assert.equal(place.includes(secret), false)
      }
    },
  )

  it('leaves nothing on a server named by URL, where two runs may meet', async () => {
    const host = await pg.ownServer()
    const url = { kind: 'url', url: host.descriptor.adminUrl } as const
    const count = () =>
      scalar(url.url, 'select (select count(*) from pg_database) + (select count(*) from pg_roles)').then(Number)
    const before = await count()
    const report = () => undefined
    const [one, two] = await Promise.all([
      startPostgres({ source: url, report }),
      startPostgres({ source: url, report }),
    ])
    await one.freshDatabase()
    const { runtimeUrl } = await two.freshDatabase()
    await one.stop()
    assert.equal(await scalar(runtimeUrl, 'select 1'), 1)
    await assert.rejects(two.down(), /Only a server launched here/)
    await Promise.all([two.stop(), two.stop()])
    assert.equal(await count(), before)
  })
})
