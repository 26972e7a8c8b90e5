import { randomBytes } from 'node:crypto'
import { readFileSync, rmSync, statSync } from 'node:fs'
import { inspect } from 'node:util'
import v8 from 'node:v8'
import vm from 'node:vm'

/** What was looked through for passwords. */
export interface SecretsLeft {
  /** Passwords of leases that had ended. */
  readonly passwords: number
  readonly snapshotMegabytes: number
  readonly problems: readonly string[]
}

/** Where secrets may not be, by name: what it shows of itself, as JSON and to whoever inspects it. */
export type Shown = Readonly<Record<string, unknown>>

/** What is looked for in a snapshot to see that it shows what is there. */
const control = { text: randomBytes(16).toString('hex') }

/** Takes a snapshot of this process's heap, of what is still in use. The process stands still meanwhile. */
export function takeSnapshot(file: string): void {
  v8.setFlagsFromString('--expose_gc')
  const collect: () => void = vm.runInNewContext('gc')
  collect()
  v8.writeHeapSnapshot(file)
}

/**
 * Looks for passwords of leases that have ended in a snapshot, and for any password in what is shown.
 *
 * @param notes - the file in which the broker's process has noted the passwords, which this one does not remember.
 * @param live - the names of the logins that had not ended when the snapshot was taken.
 */
export function secretsLeft(snapshot: string, notes: string, live: ReadonlySet<string>, shown: Shown): SecretsLeft {
  const noted = readFileSync(notes, 'utf8').trim().split('\n')
  const all = noted.map(line => line.split(' ') as [string, string])
  const ended = all.filter(([login]) => !live.has(login))
  const text = readFileSync(snapshot, 'latin1')
  const megabytes = Math.round(statSync(snapshot).size / 1024 ** 2)
  rmSync(snapshot)
  const problems: string[] = []
  if (!text.includes(control.text)) problems.push('the snapshot does not show what is in the heap')
  const words = wordsOf(text)
  for (const [login, password] of ended)
    if (words.has(password)) problems.push(`the password of the ended lease ${login} is in the heap`)
  for (const [name, value] of Object.entries(shown)) {
    const seen = wordsOf(
      `${typeof value === 'string' ? value : JSON.stringify(value)}\n${inspect(value, { depth: 9, showHidden: true })}`,
    )
    for (const [login, password] of all) if (seen.has(password)) problems.push(`the password of ${login} is in ${name}`)
  }
  return { passwords: ended.length, snapshotMegabytes: megabytes, problems }
}

/** The length of a password: 32 bytes in base64url. */
const length = 43

/** Every piece of text that could be a password, also where something stands right before or after it. */
function wordsOf(text: string): ReadonlySet<string> {
  const found = new Set<string>()
  for (const [run] of text.matchAll(/[\w-]{43,400}/g)) {
    for (let at = 0; at + length <= run.length; at++) found.add(run.slice(at, at + length))
  }
  return found
}
