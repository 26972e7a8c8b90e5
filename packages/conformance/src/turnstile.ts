import { AssertionError } from 'node:assert/strict'
import type { Random } from './random.ts'

/** Where units of work wait for their turn, so that the order in which they go on is chosen and not hoped for. */
export interface Turnstile {
  /** Waits until enough others wait too, and the seed lets this one go on. */
  pass(): Promise<void>
  /** Said once by every unit of work, at its end. */
  leave(): void
}

/** How a {@link turnstile} works. */
export interface TurnstileOptions {
  /** How many units of work there are in all. */
  readonly units: number
  /** How many must wait before any goes on: so many are open at once, or all that are left. */
  readonly width: number
  readonly random: Random
  /** Milliseconds after which a wait fails, because the others never came. */
  readonly patience: number
}

interface Waiting {
  go(): void
  fail(error: Error): void
}

/** Each time enough units of work wait, the seed lets one of them go on alone, or all of them at once. */
export function turnstile({ units, width, random, patience }: TurnstileOptions): Turnstile {
  let left = units
  let waiting: Waiting[] = []
  let timer: NodeJS.Timeout | undefined
  let stuck: AssertionError | undefined

  function giveUp(): void {
    const message = `Only ${waiting.length} units of work were open at once in ${patience} ms, of ${Math.min(width, left)} that the isolation must allow.`
    stuck = new AssertionError({ message })
    for (const { fail } of waiting.splice(0)) fail(stuck)
  }

  function open(): void {
    clearTimeout(timer)
    if (waiting.length === 0) return
    if (waiting.length < Math.min(width, left)) {
      timer = setTimeout(giveUp, patience)
      return
    }
    const order = random.shuffle(waiting)
    const going = random.int(2) === 0 ? order.slice(0, 1) : order
    waiting = waiting.filter(one => !going.includes(one))
    for (const { go } of going) go()
    // One that stays behind waits for the one that went on to come back or leave.
    if (waiting.length > 0) timer = setTimeout(giveUp, patience)
  }

  return {
    pass: () =>
      new Promise((go, fail) => {
        // Once stuck, always stuck: the units that come later need not wait to find out.
        if (stuck !== undefined) return fail(stuck)
        waiting.push({ go, fail })
        open()
      }),
    leave() {
      left -= 1
      open()
    },
  }
}
