import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { it } from 'vitest'
import { type ServerPlan, startServer } from '../src/start-server.ts'
import { unprivilegedUser } from '../src/unprivileged-user.ts'

const serve = (code: string) => `process.on('SIGTERM', () => ${code})
  require('node:http').createServer((_, answer) => answer.end(String(process.getuid()))).listen(process.argv[1], '127.0.0.1')`
const plan = (program: string): ServerPlan => ({
  name: 'tiny',
  command: (_room, port) => ({ command: process.execPath, args: ['-e', program, String(port)] }),
  ready: async port => {
    await fetch(`http://127.0.0.1:${port}`)
  },
})

it('starts a server as the given user, and stops it', async () => {
  const user = unprivilegedUser()
  const server = await startServer({ ...plan(serve('process.exit(0)')), user })
  const answer = await fetch(`http://127.0.0.1:${server.port}`)
  assert.equal(await answer.text(), String(user?.uid ?? process.getuid?.()))
  await server.stop()
  assert.equal(existsSync(server.directory), false)
  await assert.rejects(fetch(`http://127.0.0.1:${server.port}`))
})

it('kills a server that ignores its stop signal', async () => {
  const server = await startServer({ ...plan(serve('undefined')), graceMs: 200 })
  await server.stop()
  await assert.rejects(fetch(`http://127.0.0.1:${server.port}`))
})

it('takes another port when the first one is taken', async () => {
  const blocker: Server = createServer(socket => socket.destroy())
  const taken: number[] = []
  const { command, ...rest } = plan(serve('process.exit(0)'))
  const server = await startServer({
    ...rest,
    ready: async port => {
      // While the blocker holds the port, what answers there is not ours.
      if (!(await fetch(`http://127.0.0.1:${port}`)).ok) throw new Error('not ours')
    },
    prepare: async () => {
      await new Promise<void>(resolve => blocker.listen(0, '127.0.0.1', resolve))
    },
    command: (room, port) => {
      const address = blocker.address()
      const first = taken.length === 0 && typeof address === 'object' && address ? address.port : port
      taken.push(first)
      return command(room, first)
    },
  })
  assert.equal(taken.length, 2)
  assert.equal(taken[1], server.port)
  await server.stop()
  blocker.close()
})

it('shows the end of the log of a server that does not start, and leaves no directory', async () => {
  let directory = ''
  const broken = startServer({
    ...plan(`console.error('line one'); console.error('no such flag'); process.exit(3)`),
    prepare: async room => {
      directory = room.directory
    },
  })
  await assert.rejects(broken, /^Error: The tiny server ended while starting \(3\):\nline one\nno such flag$/)
  assert.ok(directory)
  assert.equal(existsSync(directory), false)
})

it('says which command cannot be run', async () => {
  const broken = startServer({ ...plan(''), prepare: room => room.run('/nonexistent/tool', []) })
  await assert.rejects(broken, /\/nonexistent\/tool failed \(spawn \/nonexistent\/tool ENOENT\)/)
})
