import { cpus } from 'node:os'

/** What a report says of the machine that it comes from; plain JSON. */
export interface Machine {
  readonly postgres: string
  readonly node: string
  readonly cpus: number
  readonly model: string | undefined
}

export function machineOf(postgres: string): Machine {
  return { postgres, node: process.version, cpus: cpus().length, model: cpus()[0]?.model }
}

/** As part of a line of text. */
export function describeMachine({ postgres, node, cpus, model }: Machine): string {
  return `PostgreSQL ${postgres}, Node ${node}, ${cpus} × ${model}`
}
