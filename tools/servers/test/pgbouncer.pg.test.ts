import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Pool } from 'pg'
import { it, onTestFinished } from 'vitest'
import { connectPgBouncer, startPgBouncer } from '../src/index.ts'
import { unprivilegedUser } from '../src/unprivileged-user.ts'
import { describePostgres } from '../src/vitest/index.ts'

const query = async (url: string, sql: string) => {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

describePostgres(
  'a suite for both ways',
  pg => {
    it('serves the runtime role with its own password, in any fresh database', async () => {
      const databases = await Promise.all([pg.freshDatabase(), pg.freshDatabase()])
      for (const { name, runtimeUrl, runtimeRole } of databases) {
        const rows = await query(runtimeUrl, 'select current_user::text as me, current_database()::text as here')
        assert.deepEqual(rows, [{ me: runtimeRole, here: name }])
      }
    })

    it('says whether named statements work, and they do or do not', async () => {
      const { runtimeUrl } = await pg.freshDatabase()
      const pool = new Pool({ connectionString: runtimeUrl, max: 2 })
      try {
        const statement = { name: 'answer', text: 'select 42 as answer' }
        const one = await pool.connect()
        const two = await pool.connect()
        try {
          await one.query(statement)
          // Keeps the first server connection busy, so that the second use meets another one.
          await two.query('begin')
          await two.query('select 1')
          const again = one.query(statement)
          if (pg.namedStatements) assert.deepEqual((await again).rows, [{ answer: 42 }])
          else await assert.rejects(again, { code: '26000' })
          await two.query('rollback')
        } finally {
          one.release(true)
          two.release(true)
        }
      } finally {
        await pool.end()
      }
    })

    it('loses its own server and gets it back, and nobody else notices', async () => {
      const server = await pg.ownServer()
      const { runtimeUrl } = await server.freshDatabase()
      assert.deepEqual(await query(runtimeUrl, 'select 1 as one'), [{ one: 1 }])
      await server.down()
      await assert.rejects(query(runtimeUrl, 'select 1'))
      const other = await pg.freshDatabase()
      assert.deepEqual(await query(other.runtimeUrl, 'select 1 as one'), [{ one: 1 }])
      await server.up()
      assert.deepEqual(await query(runtimeUrl, 'select 1 as one'), [{ one: 1 }])
    })
  },
  { through: ['direct', 'pgbouncer'] },
)

describePostgres(
  'PgBouncer',
  pg => {
    const own = async (poolSize: number) => {
      const bouncer = await startPgBouncer({ server: pg.descriptor, poolSize, report: () => undefined })
      onTestFinished(bouncer.stop)
      return bouncer
    }

    it('gives one server connection to many clients, a transaction each, without a reset between them', async () => {
      const bouncer = await own(1)
      const pool = new Pool({ connectionString: bouncer.pooledUrl(await pg.freshDatabase()), max: 5 })
      try {
        const pids = await Promise.all(
          Array.from({ length: 5 }, async () => (await pool.query('select pg_backend_pid() as pid')).rows[0].pid),
        )
        assert.equal(new Set(pids).size, 1)
        await pool.query(`set session "tenantry.left" = 'behind'`)
        const seen = await Promise.all(
          Array.from({ length: 5 }, () => pool.query(`select current_setting('tenantry.left', true) as left`)),
        )
        for (const { rows } of seen) assert.deepEqual(rows, [{ left: 'behind' }])
      } finally {
        await pool.end()
      }
    })

    it('serves a role made later with the password that the server knows, and no other password', async () => {
      const { adminUrl, runtimeUrl, name, drop } = await pg.freshDatabase()
      const role = `later_${name}`
      await query(
        adminUrl,
        `create role ${role} login password 'it''s late'; grant connect on database ${name} to ${role}`,
      )
      onTestFinished(async () => {
        await drop()
        await query(pg.descriptor.adminUrl, `drop role ${role}`)
      })
      const url = new URL(runtimeUrl)
      url.username = role
      url.password = "it's late"
      assert.deepEqual(await query(url.href, 'select current_user::text as me'), [{ me: role }])
      for (const user of [role, pg.descriptor.runtime.name, 'nobody_at_all']) {
        url.username = user
        url.password = 'wrong'
        await assert.rejects(query(url.href, 'select 1'), /authentication failed|no such user/)
      }
    })

    it('has a console, also for another process', async () => {
      assert.ok(pg.bouncer)
      const elsewhere = connectPgBouncer(JSON.parse(JSON.stringify(pg.bouncer.descriptor)))
      const settings = await elsewhere.console('SHOW CONFIG')
      const value = (key: string) => settings.find(row => row.key === key)?.value
      assert.equal(value('pool_mode'), 'transaction')
      assert.equal(value('server_reset_query_always'), '0')
      assert.equal(value('listen_addr'), '127.0.0.1')
      const asRuntime = new URL(pg.bouncer.pooledUrl(await pg.freshDatabase()))
      asRuntime.pathname = '/pgbouncer'
      await assert.rejects(query(asRuntime.href, 'SHOW POOLS'), /not allowed|no such database/)
    })

    it.skipIf(process.platform !== 'linux')(
      'runs unprivileged and shows no password to others [Linux: reads /proc]',
      async () => {
        const bouncer = await own(2)
        await query(bouncer.pooledUrl(await pg.freshDatabase()), 'select 1')
        const status = readFileSync(`/proc/${bouncer.pid}/status`, 'utf8')
        assert.equal(Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]), unprivilegedUser()?.uid ?? process.getuid?.())
        assert.equal(statSync(bouncer.directory).mode & 0o777, 0o700)
        for (const name of readdirSync(bouncer.directory)) {
          if (name !== 'server.log') assert.equal(statSync(join(bouncer.directory, name)).mode & 0o077, 0, name)
        }
        const { adminUrl, owner, runtime } = pg.descriptor
        const console = new URL(bouncer.descriptor.consoleUrl).password
        for (const file of [`/proc/${bouncer.pid}/cmdline`, join(bouncer.directory, 'server.log')]) {
          const text = readFileSync(file, 'utf8')
          assert.match(text, /pgbouncer/i)
          for (const secret of [new URL(adminUrl).password, owner.password, runtime.password, console]) {
            assert.ok(secret.length >= 3)
            assert.equal(text.includes(secret), false, file)
          }
        }
      },
    )

    it('goes when its parent is killed', async () => {
      const child = spawn(process.execPath, ['--import', 'tsx', '-C', 'tenantry-source', 'pgbouncer-child.ts'], {
        cwd: import.meta.dirname,
        env: { ...process.env, DESCRIPTOR: JSON.stringify(pg.descriptor) },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const [line] = await once(createInterface({ input: child.stdout }), 'line')
      const { pid, directory } = JSON.parse(line) as { pid: number; directory: string }
      assert.equal(process.kill(pid, 0), true)
      child.kill('SIGKILL')
      // The directory goes last.
      for (const deadline = Date.now() + 15_000; existsSync(directory); await sleep(20))
        assert.ok(Date.now() < deadline)
      assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    })

    it('goes down and comes up on its port, and is gone when stopped', async () => {
      const bouncer = await own(2)
      const url = bouncer.pooledUrl(await pg.freshDatabase())
      await bouncer.down()
      await assert.rejects(query(url, 'select 1'), { code: 'ECONNREFUSED' })
      await bouncer.up()
      assert.deepEqual(await query(url, 'select 1 as one'), [{ one: 1 }])
      await bouncer.stop()
      await assert.rejects(query(url, 'select 1'), { code: 'ECONNREFUSED' })
      assert.equal(existsSync(bouncer.directory), false)
    })
  },
  { through: ['pgbouncer'] },
)
