import { createRequire } from 'node:module'
import type pg from 'pg'

/** A cursor of pg-cursor, which comes without types. */
export interface Cursor extends pg.Submittable {
  read(rows: number): Promise<{ readonly tag: string }[]>
  close(): Promise<void>
}

export const Cursor: new (text: string, values?: unknown[]) => Cursor = createRequire(import.meta.url)('pg-cursor')
