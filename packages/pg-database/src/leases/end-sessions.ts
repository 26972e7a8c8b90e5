import { setTimeout as sleep } from 'node:timers/promises'
import { TenancyError } from '@tenantry/core'
import { quoteIdentifier } from '@tenantry/pg'
import type { Broker } from './broker.ts'
import { sourceName } from './broker-failure.ts'

/** Milliseconds after which a session that does not end is no longer waited for; below the 5 s within which a login must be dead. */
const patience = 4000
// A session that was admitted just before its login was closed is seen a moment later: with one look, a storm of logins left one behind
// in 1 of 60 tries on Postgres 18. Nobody but a superuser can end the session of a role that is gone, so it is not dropped before.
const quiet = 100

/**
 * Ends the sessions of a login that nobody can log in with any more, and sees that they are gone.
 *
 * @throws {TenancyError} `CREDENTIALS_UNAVAILABLE` when one does not end. Errors of statements are the server's own.
 */
export async function endSessions(broker: Broker, login: string): Promise<void> {
  const deadline = Date.now() + patience
  for (let unseen = 0; unseen < 2; ) {
    const there = await hasSessions(broker, login)
    unseen = there ? 0 : unseen + 1
    if (there) await terminate(broker, login)
    if (unseen === 2) return
    if (Date.now() > deadline) throw stillThere(broker, login)
    await sleep(there ? quiet / 5 : quiet)
  }
}

async function hasSessions(broker: Broker, login: string): Promise<boolean> {
  const { rows } = await broker.transaction(query =>
    query('select from pg_stat_activity where usename = $1::text limit 1', [login]),
  )
  return rows.length > 0
}

/**
 * Without `pg_signal_backend`, which reaches the sessions of everybody, the server lets only the login itself end its sessions. So the
 * broker becomes the login, by a membership that is taken back before anybody else sees it. INHERIT would do instead of SET, but
 * would bring what the tenant's owner may as well.
 */
async function terminate(broker: Broker, login: string): Promise<void> {
  const name = quoteIdentifier(login)
  const undo = new Error('undo')
  await broker
    .transaction(async query => {
      const { rows } = await query<{ version: number }>(`select current_setting('server_version_num')::int as version`)
      const how = (rows[0]?.version ?? 0) >= 160000 ? ' with inherit false, set true' : ''
      await query(`grant ${name} to current_user${how}; set local role ${name}`)
      await query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1::text', [login])
      throw undo
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error
    })
}

function stillThere(broker: Broker, login: string): TenancyError {
  const reason = `sessions of the login ${login} on server "${broker.server}" have not ended within ${patience} ms`
  return new TenancyError('CREDENTIALS_UNAVAILABLE', { source: sourceName, reason })
}
