import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * Puts this process on one core and processes of a server on the others, as if on two machines. One statement at a time is
 * else put on one core or on two as the scheduler likes, and a ratio moves by half with it.
 *
 * @returns the way back, or `undefined` where this cannot be done: it takes Linux, `taskset` and two cores.
 */
export function keepApart(pids: readonly number[]): (() => void) | undefined {
  const all = allowedCores()
  const [first, ...others] = all
  if (first === undefined || others.length === 0) return undefined
  function back(): void {
    // A connection that has ended since needs no way back.
    for (const pid of [process.pid, ...pids]) place(pid, all)
  }
  if (place(process.pid, [first]) && pids.every(pid => place(pid, others))) return back
  back()
  return undefined
}

// Of util-linux, which need not be there.
const program = 'taskset'

/** Whether it could be done. */
function place(pid: number, cores: readonly number[]): boolean {
  return spawnSync(program, ['-cp', cores.join(','), String(pid)]).status === 0
}

function allowedCores(): number[] {
  if (process.platform !== 'linux') return []
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  return list.split(',').flatMap(range => {
    const [from = Number.NaN, to = from] = range.split('-').map(Number)
    return Number.isNaN(from) ? [] : Array.from({ length: to - from + 1 }, (_, at) => from + at)
  })
}
