import { randomBytes } from 'node:crypto'
import { Caught } from '../../caught.ts'
import type { Route } from '../../isolation-kind.ts'
import { leasing, transaction } from '../../transaction.ts'
import { attempt, checkHostile, type Operation, type Query, type TaggedRow, type Turn } from '../../turn.ts'
import type { CapturedTokens } from './captured-tokens.ts'
import { isOpenReplay } from './replay-window.ts'
import type { SealChoice } from './seal-choice.ts'

// Statements that put another tenant into the setting. Without a seal nothing can stop them: that is open by design, is counted
// apart and shown. With a seal they must reach nothing.

/** A seal that does not hold, one that is no seal at all, and a text that is not even sent (`sessionState: 'refuse'`). */
const refusals = ['42501', '22023', 'STATEMENT_REFUSED']

/** A text as it is, or with the same done by a function of the application. */
function spelled(turn: Turn, text: string): string {
  return turn.random.chance(0.5) ? text : text.replaceAll(/set_config\(([^()]*), true\)/g, 'put($1)')
}

/** A statement that forges with `$1` as the tenant and `$2` as the seal. `forged` is null where a row tells only of the forging. */
const reads = [
  `select tag from notes where false union all select null from (select set_config('tenantry.tenant_id', $1, true),
    set_config('tenantry.seal', $2, true)) forged union all select tag from notes`,
  `select tag from notes where (select set_config('tenantry.seal', $2, true) || set_config('tenantry.tenant_id', $1, true)) is not null`,
  `with forged as materialized (select set_config('tenantry.tenant_id', $1, true), set_config('tenantry.seal', $2, true))
    select n.tag from forged cross join lateral (select tag from notes offset 0) n`,
]

const writes = [
  `with forged as materialized (select set_config('tenantry.tenant_id', $1, true) t, set_config('tenantry.seal', $2, true))
    insert into notes (tenant_id, id, tag, version) select t, 2000000, 'of ' || t, 0 from forged returning tag`,
  `with forged as materialized (select set_config('tenantry.tenant_id', $1, true) t, set_config('tenantry.seal', $2, true))
    update notes set version = 0 from forged where tenant_id = t returning tag`,
  `with forged as materialized (select set_config('tenantry.tenant_id', $1, true) t, set_config('tenantry.seal', $2, true))
    delete from notes using forged where tenant_id = t returning tag`,
]

/** What a forger puts into the seal: nothing, noise, a token of another kind, or one's own with something changed. */
async function forgedSeal(turn: Turn, query: Query): Promise<string> {
  const kind = turn.random.int(6)
  if (kind === 0) return ''
  if (kind === 1) return 'not hexadecimal'
  if (kind === 2) return randomBytes(46 + 8 * turn.random.int(2)).toString('hex')
  const { rows } = await query(`select current_setting('tenantry.seal', true) as token`)
  const own = Buffer.from(String(rows[0]?.token), 'hex')
  if (kind === 3) return own.toString('hex')
  if (kind === 4) return own.subarray(0, turn.random.int(own.length)).toString('hex')
  const at = turn.random.int(own.length)
  own.writeUInt8(own.readUInt8(at) ^ (1 << turn.random.int(8)), at)
  return own.toString('hex')
}

/** Rows that a forging statement got, be it refused. */
async function forge(turn: Turn, work: () => Promise<{ rows: TaggedRow[] }>, open: boolean): Promise<void> {
  const got = await attempt(turn, refusals, work)
  checkHostile(turn, got?.rows.filter(({ tag }) => tag !== null) ?? [], open)
}

/** What forgers know. */
export interface ForgeryTerms {
  readonly seal: SealChoice
  readonly route: Route
  readonly captured: CapturedTokens
}

export function forgeryOperations({ seal, route, captured }: ForgeryTerms): readonly Operation[] {
  const open = seal === 'none'
  return [
    {
      name: 'injected set_config, reading',
      share: 2,
      async run(turn) {
        const text = spelled(turn, turn.random.pick(reads))
        await forge(turn, () => turn.db.query(text, [turn.other.id, '']), open)
      },
    },
    {
      name: 'forged seal, in a transaction',
      share: 2,
      run: turn =>
        transaction(turn, async client => {
          const forged = open ? 'none' : await forgedSeal(turn, client.query)
          await client.query('savepoint before')
          await forge(turn, () => client.query(spelled(turn, turn.random.pick(reads)), [turn.other.id, forged]), open)
          await client.query('rollback to savepoint before')
        }),
    },
    {
      name: 'injected set_config, writing',
      share: 1,
      // Made lasting where it must have failed, so that the audit would find it; undone where it is known to work.
      run: turn =>
        leasing(turn, async client => {
          await client.query('begin')
          await forge(turn, () => client.query(spelled(turn, turn.random.pick(writes)), [turn.other.id, '']), open)
          await client.query(open ? 'rollback' : 'commit')
        }),
    },
    {
      name: 'session-wide set_config',
      share: 1,
      // What the next tenants on this connection do must not be done as the one who is left there; nor may it be left there.
      run: async turn =>
        void (await attempt(turn, refusals, () =>
          turn.db.query(`select set_config('tenantry.tenant_id', $1, false)`, [turn.other.id]),
        )),
    },
    {
      name: 'capturing a token',
      share: 1,
      async run(turn) {
        if (open) return
        const { rows } = await turn.db.query(
          `select current_setting('tenantry.seal', true) as token, pg_backend_pid() as pid`,
        )
        if (rows[0]?.token) captured.add({ ...rows[0], tenant: turn.tenant.id, at: performance.now() })
        else throw new Caught('wrong', `${turn.tenant.id} found no token in its own setting`)
      },
    },
    {
      name: 'replayed token of another tenant',
      share: 2,
      async run(turn) {
        const found = captured.pick(turn.random)
        if (found === undefined || found.tenant === turn.tenant.id) return
        const text = `select set_config('tenantry.tenant_id', $1, true), set_config('tenantry.seal', $2, true),
        (select string_agg(distinct tag, ', ') from notes) as tag, pg_backend_pid() as pid`
        const got = await attempt(turn, refusals, () => turn.db.query(spelled(turn, text), [found.tenant, found.token]))
        const row = got?.rows[0]
        if (row == null || row.tag === null) return
        checkHostile(turn, [row], open || isOpenReplay({ seal, route }, found, row.pid))
      },
    },
  ]
}
