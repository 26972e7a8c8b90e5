// A process of its own: the broker of leases, with its pools and its sweeper, to be killed in the middle of anything.
import { appendFileSync } from 'node:fs'
import { isTenancyError, type Logger, secret } from '@tenantry/core'
import { type PostgresLeases, postgresLeases } from '@tenantry/pg-database'
import pg from 'pg'
import type { Answer, Call, Opening, PlainCredentials } from './messages.ts'

const send = (answer: Answer): void => void process.send?.(answer)
const log = (level: string) => (details: object, message?: string) =>
  send({ kind: 'log', level, line: `${message} ${JSON.stringify(details)}` })
const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') } as Logger

let leases: PostgresLeases | undefined
let notes = ''

function open({ brokers, notes: file, prefix, lifetime, sweepEvery }: Opening): void {
  notes = file
  const pools = Object.entries(brokers).map(([server, connectionString]) => {
    const pool = new pg.Pool({ connectionString, max: 4, connectionTimeoutMillis: 5_000, query_timeout: 5_000 })
    return [server, pool] as const
  })
  leases = postgresLeases({ brokers: Object.fromEntries(pools), prefix, lifetime, sweepEvery, logger })
}

async function answer({
  method,
  target,
  server = '',
  lease = '',
}: Call): Promise<PlainCredentials | string | undefined> {
  if (leases === undefined) throw new Error('It was not opened.')
  if (method === 'ready') await leases.ready()
  else if (method === 'broker') return leases.broker(server)
  else if (method === 'close') await leases.close()
  else if (target === undefined) throw new Error(`${method} needs a target.`)
  else if (method === 'issue') {
    const { username, password, expiresAt = 0 } = await leases.issue(target)
    appendFileSync(notes, `${username} ${password.reveal()}\n`)
    return { username, password: password.reveal(), expiresAt, lease: username }
  } else if (method === 'revoke') await leases.revoke({ username: lease, password: secret(''), lease }, target)
  else await leases[method](target)
  return undefined
}

process.on('message', (message: Opening | Call) => {
  if (message.kind === 'open') return open(message)
  const { id } = message
  answer(message).then(
    value => send(value === undefined ? { kind: 'answer', id } : { kind: 'answer', id, value }),
    error =>
      send({ kind: 'failure', id, code: isTenancyError(error) ? error.code : 'UNKNOWN', message: String(error) }),
  )
})
// Whoever started it has gone.
process.on('disconnect', () => process.exit())
