import { createRandom } from '../random.ts'
import type { Problem } from '../tally.ts'
import { auditKeys, sentKeys } from './audit.ts'
import { commandLine } from './command-lines.ts'
import { operations as all, type KeyspaceTurn } from './operations.ts'
import { type Break, type KeyspaceWorld, watchSent } from './world.ts'

/** Options of {@link keyspaceStorm}. */
export interface KeyspaceStormOptions {
  readonly operations: number
  readonly seed: number
  /** Default 64. */
  readonly workers?: number
  readonly onProgress?: (operations: number) => void
  /** Something broken on purpose, that must be noticed. */
  readonly breakIt?: Break
}

/** The outcome; plain JSON. */
export interface KeyspaceReport {
  readonly server: string
  readonly mode: string
  readonly seed: number
  readonly operations: number
  readonly rowsChecked: number
  /** Commands of the server's table that were sent, and that were refused; each one was tried. */
  readonly commands: { readonly sent: number; readonly refused: number }
  /** Keys of sent commands that the server named, all of them a tenant's. */
  readonly keysChecked: number
  readonly leaks: number
  readonly wrongAnswers: number
  readonly unexpectedErrors: number
  readonly unknownRows: number
  readonly errors: Readonly<Record<string, number>>
  readonly seconds: number
  readonly problems: readonly Problem[]
}

/** What a killed connection leads to. */
const ambient = ['CONNECTION_LOST', 'DATABASE_UNAVAILABLE', 'POOL_EXHAUSTED']

const sum = all.reduce((shares, { share }) => shares + share, 0)

function choose(at: number): (typeof all)[number] {
  let left = at
  for (const operation of all) {
    left -= operation.share
    if (left < 0) return operation
  }
  throw new Error('The shares do not add up.')
}

export async function keyspaceStorm(world: KeyspaceWorld, options: KeyspaceStormOptions): Promise<KeyspaceReport> {
  const { operations, seed, workers = 64, onProgress = () => undefined } = options
  const { tally, tenants } = world
  const sent = sentKeys()
  const unwatch = watchSent(sent.watch, options.breakIt)
  const complain = (name: string, problem: string, kind: 'leak' | 'wrong' = 'wrong') =>
    tally.problem({ kind, operation: -1, name, problem })
  const begun = performance.now()
  let next = 0

  async function work(): Promise<void> {
    while (next < operations) {
      const index = next++
      const random = createRandom(seed, index)
      const operation = choose(random.int(sum))
      const tenant = random.pick(tenants)
      const other = random.pick(tenants.filter(({ id }) => id !== tenant.id))
      const rows = world.rows.get(tenant)
      if (rows === undefined) throw new Error(`Nothing is known of ${tenant.id}.`)
      const turn: KeyspaceTurn = { random, tenant, other, rows, world }
      try {
        await world.tenancy.run(tenant, () => operation.run(turn))
        tally.ended(index, operation.name, ambient)
      } catch (error) {
        tally.ended(index, operation.name, ambient, error)
      }
      if (index % 500 === 0) onProgress(index)
    }
  }

  try {
    await Promise.all(Array.from({ length: workers }, work))
    // What is broken has been seen by then, and every command takes its time.
    const commands = options.breakIt ? { sent: 0, refused: 0 } : await everyCommand(world, seed)
    for (const { connection } of world.lent.splice(0)) connection.disconnect()
    const keysChecked = await sent.check(world.admin, complain)
    await auditKeys(world, complain)
    const counted = (kind: Problem['kind']) => tally.problems.filter(problem => problem.kind === kind).length
    return {
      server: `Redis ${/redis_version:(\S+)/.exec(await world.admin.info('server'))?.[1]}`,
      mode: world.mode,
      ...{ seed, operations: tally.operations, rowsChecked: tally.rows, commands, keysChecked },
      leaks: counted('leak'),
      wrongAnswers: counted('wrong'),
      unexpectedErrors: counted('unexpected'),
      unknownRows: [...world.rows.values()].reduce((total, model) => total + model.unknownCount(), 0),
      errors: Object.fromEntries([...tally.errors].sort(([, a], [, b]) => b - a)),
      seconds: Number(((performance.now() - begun) / 1000).toFixed(1)),
      problems: tally.problems.slice(0, 10),
    }
  } finally {
    unwatch()
  }
}

/** Sends every command of the server's table in several forms: each is refused, or all its keys are the tenant's. */
async function everyCommand(
  { forms, tenancy, tenants, db }: KeyspaceWorld,
  seed: number,
): Promise<KeyspaceReport['commands']> {
  const [tenant, other] = tenants
  if (tenant === undefined || other === undefined) throw new Error('It takes two tenants.')
  const keys = ['w:1', 'w:2', `t:${other.id}:n:1`]
  const texts = ['1', 'x', `t:${other.id}:n:1`]
  let refusals = 0
  for (const [at, form] of forms.entries()) {
    let isSent = false
    for (let variant = 0; variant < 12; variant++) {
      const [name = '', ...args] = commandLine(form, createRandom(seed, at * 100 + variant), { keys, texts })
      await tenancy
        .run(tenant, () => db.call(name, ...args))
        .then(
          () => {
            isSent = true
          },
          (error: { code?: unknown }) => {
            if (error.code !== 'STATEMENT_REFUSED') isSent = true
          },
        )
    }
    if (!isSent) refusals += 1
  }
  return { sent: forms.length - refusals, refused: refusals }
}
