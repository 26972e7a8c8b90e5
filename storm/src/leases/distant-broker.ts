import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type CredentialSource, type Credentials, secret, TenancyError } from '@tenantry/core'
import type { Answer, Call, Opening, PlainCredentials } from './messages.ts'

/** A broker in another process, that can be killed and started again. */
export interface DistantBroker {
  readonly source: CredentialSource
  /** Calls that are being made. */
  pending(method: Call['method']): number
  /** Sends SIGKILL. Resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts another. Resolves when it answers. */
  start(): Promise<void>
  close(): Promise<void>
}

const program = fileURLToPath(new URL('./broker-process.ts', import.meta.url))

interface Pending {
  readonly method: Call['method']
  resolve(value: PlainCredentials | string | undefined): void
  reject(error: Error): void
}

/** @param log - receives what the broker logs. */
export function distantBroker(opening: Opening, log: (line: string) => void): DistantBroker {
  const calls = new Map<number, Pending>()
  let child: ChildProcess | undefined
  // Started before it is needed, so that an outage is as short as it is meant to be.
  let next = fork(program)
  let ids = 0

  const gone = () => new TenancyError('CREDENTIALS_UNAVAILABLE', { source: 'distant-broker', reason: 'it is down' })

  function listen(one: ChildProcess): void {
    one.on('message', (message: Answer) => {
      if (message.kind === 'log') return log(message.line)
      const call = calls.get(message.id)
      calls.delete(message.id)
      if (message.kind === 'answer') return call?.resolve(message.value)
      const details = { source: 'distant-broker', reason: message.message }
      const code = message.code === 'CREDENTIALS_UNAVAILABLE' ? message.code : 'CREDENTIALS_REFUSED'
      call?.reject(new TenancyError(code, details))
    })
  }

  function ask(question: Omit<Call, 'kind' | 'id'>): Promise<PlainCredentials | string | undefined> {
    const to = child
    if (to === undefined) return Promise.reject(gone())
    return new Promise((resolve, reject) => {
      const id = ++ids
      calls.set(id, { method: question.method, resolve, reject })
      to.send({ kind: 'call', id, ...question } satisfies Call, error => {
        if (error && calls.delete(id)) reject(gone())
      })
    })
  }

  const source: CredentialSource = {
    name: 'distant-broker',
    lifetime: opening.lifetime,
    async broker(server) {
      return `${await ask({ method: 'broker', server })}`
    },
    async issue(target): Promise<Credentials> {
      const { password, ...rest } = (await ask({ method: 'issue', target })) as PlainCredentials
      return { ...rest, password: secret(password) }
    },
    async revoke({ lease = '' }, target) {
      await ask({ method: 'revoke', target, lease })
    },
    async revokeAll(target) {
      await ask({ method: 'revokeAll', target })
    },
    async withdraw(target) {
      await ask({ method: 'withdraw', target })
    },
  }

  async function kill(): Promise<void> {
    const victim = child
    child = undefined
    if (victim === undefined) return
    const exited = once(victim, 'exit')
    victim.kill('SIGKILL')
    await exited
    for (const [id, { reject }] of [...calls]) {
      calls.delete(id)
      reject(gone())
    }
  }

  return {
    source,
    pending: method => [...calls.values()].filter(call => call.method === method).length,
    kill,
    async start() {
      const fresh = next
      listen(fresh)
      fresh.send(opening)
      child = fresh
      next = fork(program)
      await ask({ method: 'ready' })
    },
    async close() {
      if (child !== undefined) await ask({ method: 'close' })
      child?.disconnect()
      next.disconnect()
    },
  }
}
