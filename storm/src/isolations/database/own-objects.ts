import { errorCode } from '../../error-code.ts'
import { leasing } from '../../transaction.ts'
import { attempt, checkOwn, type Operation, refused, type Turn } from '../../turn.ts'
import { ownerOf } from './names.ts'

// The tenant owns all that is in its database: it may make things and give them away. Nobody who gets them can connect.

const makings = (name: string): readonly string[] => [
  `create table ${name} as select tag from notes`,
  `create view ${name} as select tag from notes`,
  `create materialized view ${name} as select tag from notes`,
]

const kindOf = (text: string): string => /^create (.*?) mine/.exec(text)?.[1] ?? 'table'

async function makeAndGive(turn: Turn): Promise<void> {
  const name = `mine_${turn.rows.newVersion()}`
  const making = turn.random.pick(makings(name))
  await leasing(turn, async client => {
    await client.query(making)
    try {
      await client.query(`grant all on ${name} to public`)
      // Only where the other lives on the same server.
      await attempt(turn, ['42704'], () => client.query(`grant all on ${name} to ${ownerOf(turn.other)}`))
      checkOwn(turn, (await client.query(`select tag from ${name}`)).rows)
    } finally {
      await client.query(`drop ${kindOf(making)} ${name}`).catch((error: unknown) => {
        if (errorCode(error) !== 'CONNECTION_LOST' && errorCode(error) !== '57014') throw error
      })
    }
  })
}

/** Changes of its own things, undone. */
const changes: readonly string[] = [
  'truncate notes cascade',
  'drop table marks',
  'alter table notes disable row level security',
  `create function mine() returns text language sql security definer as 'select min(tag) from notes'`,
  'create schema mine create table notes (tag text)',
  'create trigger mine before update on marks for each row execute function suppress_redundant_updates_trigger()',
  'alter default privileges grant all on tables to public',
]

/** The login without the role that it takes when it connects: it has the same rights, and owns what it makes. */
async function withoutRole(turn: Turn): Promise<void> {
  await leasing(turn, async client => {
    await client.query('begin')
    await client.query(`select set_config('role', 'none', true)`)
    checkOwn(turn, (await client.query('select tag from notes')).rows)
    const { rows } = await client.query<{ login: string }>('select current_user as login')
    const [{ login } = { login: '' }] = rows
    await client.query('savepoint before')
    const denied = [
      `alter role ${login} valid until 'infinity'`,
      `alter role ${login} createdb`,
      `comment on role ${login} is 'mine'`,
      `update tenantry.identity set tenant = 'another'`,
      'drop schema tenantry cascade',
      `grant ${ownerOf(turn.other)} to ${login}`,
      'create role mine',
    ]
    await refused(turn, ['42501', '42704'], () => client.query(turn.random.pick(denied)))
    await client.query('rollback to savepoint before')
    await client.query('create table made_by_a_login (id int)')
    // Now and then it stays: then the login cannot be dropped, but nobody can use it.
    await client.query(turn.random.chance(0.1) ? 'commit' : 'rollback')
  })
}

export const ownOperations: readonly Operation[] = [
  { name: 'objects of its own, for everybody', share: 1, run: makeAndGive },
  {
    name: 'changes of its own, undone',
    share: 1,
    // What others have in use must be waited for, and they may wait for this one.
    expects: ['40P01', '55P03'],
    run: turn =>
      leasing(turn, async client => {
        await client.query('begin')
        await client.query(`set local lock_timeout = '200ms'`)
        await client.query(turn.random.pick(changes))
        await client.query('rollback')
        checkOwn(turn, (await client.query('select tag from notes limit 3')).rows)
      }),
  },
  { name: 'without its role', share: 1, expects: ['42P07'], run: withoutRole },
]
