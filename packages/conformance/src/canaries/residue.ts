import { safeParts } from '../memory/memory-parts.ts'
import { ending, lets } from './broken.ts'
import { type Canary, canary } from './canary.ts'

/** Adapters that leave something on the connection. */
export const residueCanaries: readonly Canary[] = [
  canary(
    'nothing stays on a connection after success',
    'The tenant is set for the session, and stays set.',
    () =>
      ending('success', async lease => {
        await lease.connection.send({ do: 'set', tenant: lease.tenant.id, until: 'session' })
        await safeParts.endings.success(lease)
      }),
    ['nothing stays after a rollback', 'a savepoint gives back the work and keeps the tenant'],
  ),
  canary(
    'nothing stays on a connection after a throw',
    'After a throw the transaction stays open.',
    () => ending('throw', async ({ pool, connection }) => pool.release(connection)),
    [
      // Each is refused inside a transaction, which then throws.
      ...['a temporary object is refused or gone', 'a held cursor is refused or gone'],
      ...['a changed setting is refused or gone', 'a lock is refused or gone'],
    ],
  ),
  canary('nothing stays on a connection after a timeout', 'After a timeout the connection is used again.', () =>
    ending('timeout', async ({ pool, connection }) => pool.release(connection)),
  ),
  canary('nothing stays on a connection after a disconnect', 'A new connection gets the lost session back.', () =>
    ending('disconnect', async ({ pool, server, tenant }) => {
      const again = server.connect()
      await again.send({ do: 'set', tenant: tenant.id, until: 'session' })
      pool.release(again)
    }),
  ),
  canary('nothing stays after a rollback', 'A rollback by hand commits.', () => ({
    pass: statement => (statement.do === 'rollback' ? { do: 'commit' } : safeParts.pass(statement)),
  })),
  canary('a savepoint gives back the work and keeps the tenant', 'Going back to a savepoint does nothing.', () => ({
    pass: statement => (statement.do === 'undo' ? { do: 'savepoint' } : safeParts.pass(statement)),
  })),
  canary("nothing stays after the server's time limit", 'After it, the connection is used again as it is.', () =>
    ending('limit', async ({ pool, connection }) => pool.release(connection)),
  ),
  canary('nothing stays after a cancel', 'After a cancel, the connection is used again as it is.', () =>
    ending('cancel', async ({ pool, connection }) => pool.release(connection)),
  ),
  canary('nothing stays after a connection was killed', 'A new connection gets the killed session back.', () =>
    ending('kill', async ({ pool, server, tenant }) => {
      const again = server.connect()
      await again.send({ do: 'set', tenant: tenant.id, until: 'session' })
      pool.release(again)
    }),
  ),
  canary('a temporary object is refused or gone', 'Temporary objects may be made.', () => lets('temporary object')),
  canary('a held cursor is refused or gone', 'Cursors may be held.', () => lets('held cursor')),
  canary('a changed setting is refused or gone', 'Settings may be changed.', () => lets('changed setting')),
  canary('a lock is refused or gone', 'Locks may be held.', () => lets('lock')),
]
