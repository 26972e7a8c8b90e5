import type { Fields } from './database-engine.ts'

/** What the double answers; without a body it is 204. */
export interface Answer {
  readonly status: number
  readonly body?: Fields
}

export const done: Answer = { status: 204 }
export const data = (fields: Fields): Answer => ({ status: 200, body: { data: fields } })
export const failure = (status: number, ...errors: readonly string[]): Answer => ({ status, body: { errors } })
export const denied = failure(403, 'permission denied')
