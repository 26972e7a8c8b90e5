import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { clock, type Order, type Refusal, type Word } from './messages.ts'

/** Processes that serve tenants. */
export interface Crew {
  /** All of them serve the tenant until it is refused. Resolves once each does. */
  serve(tenant: string): Promise<void>
  /** How it ended in each of them. */
  refused(tenant: string): Promise<readonly Refusal[]>
  close(): Promise<void>
}

/** Milliseconds in which anything must have happened. */
const patience = 120_000

/** @throws Error when one does not open, or does not do what it was told. */
export async function openCrew(size: number, opening: Extract<Order, { kind: 'open' }>): Promise<Crew> {
  const words: { readonly from: number; readonly word: Word }[] = []
  const ended: number[] = []
  const children = Array.from({ length: size }, (_, from): ChildProcess => {
    const child = fork(new URL('./worker.ts', import.meta.url), { execArgv: process.execArgv })
    child.on('message', (word: Word) => void words.push({ from, word }))
    child.on('exit', () => void ended.push(from))
    return child
  })
  const tell = (order: Order) => {
    for (const child of children) child.send(order)
  }

  async function fromAll<W extends Word>(isIt: (word: Word) => word is W): Promise<readonly W[]> {
    const until = clock() + patience
    for (;;) {
      const [problem] = words.flatMap(({ word }) => (word.kind === 'problem' ? [word.problem] : []))
      if (problem !== undefined) throw new Error(problem)
      if (ended.length > 0) throw new Error(`Process ${ended[0]} has ended.`)
      const found = words.flatMap(({ word }) => (isIt(word) ? [word] : []))
      if (found.length === size) return found
      if (clock() > until) throw new Error(`${found.length} of ${size} processes have said what they should.`)
      await new Promise(resolve => setTimeout(resolve, 1))
    }
  }

  tell(opening)
  await fromAll((word): word is Word & { kind: 'open' } => word.kind === 'open')
  return {
    async serve(tenant) {
      tell({ kind: 'serve', tenant })
      await fromAll((word): word is Word & { kind: 'serving' } => word.kind === 'serving' && word.tenant === tenant)
    },
    refused: tenant => fromAll((word): word is Refusal => word.kind === 'refused' && word.tenant === tenant),
    async close() {
      const exits = children.map(child => child.exitCode === null && once(child, 'exit'))
      tell({ kind: 'end' })
      await Promise.all(exits)
    },
  }
}
