import type { DoorBench } from './door-bench.ts'

/** A law of doors, as data. */
export interface DoorLaw {
  /** Unique and stable: canaries, reports and test names refer to it. */
  readonly name: string
  /** Rejects when the law is broken. */
  run(bench: DoorBench): Promise<void>
}

/** Writes a law of doors down. */
export function doorLaw(name: string, run: (bench: DoorBench) => Promise<void>): DoorLaw {
  return { name, run }
}
