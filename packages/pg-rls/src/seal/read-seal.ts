import pg from 'pg'
import { type KeyedSeal, questions } from './seal.ts'
import { type SealFacts, sealSql } from './seal-facts.ts'
import { sealDefaults, verifierCall } from './seal-sql.ts'

/** Which seal to look at. */
export interface SealLook {
  readonly schema: string
  readonly setting: string
  readonly keyed: KeyedSeal
}

// No id of a tenant: those have no asterisk.
const nobody = '*'

/** Reads what the catalogue says of the seal, and tries the key. Call it in a transaction; it may be left aborted. */
export async function readSeal(client: pg.ClientBase, { schema, setting, keyed }: SealLook): Promise<SealFacts> {
  const { rows } = await client.query<SealFacts>(sealSql, [schema])
  const facts = rows[0] as SealFacts
  if (facts.verifier === null || facts.keys === null || !facts.verifier.callable) return facts
  // The transaction keeps the time of its BEGIN, which may be longer ago than a stamp holds: a large catalogue takes its time.
  const answer = await client.query<[string], []>({ text: questions.challenge, rowMode: 'array' })
  const proof = keyed.token(nobody, answer.rows[0]?.[0] ?? '', 0)
  await client.query('select pg_catalog.set_config($1, $2, true), pg_catalog.set_config($3, $4, true)', [
    setting,
    nobody,
    sealDefaults.setting,
    proof,
  ])
  try {
    await client.query(`select ${verifierCall(schema)}`)
    return facts
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    return { ...facts, refused: error.message }
  }
}
