import { pgRls } from '@tenantry/pg-rls'
import type { IsolationKind, SubjectTerms } from '../../isolation-kind.ts'
import { deniedToUsers } from '../../operations/hostile.ts'
import type { StoredRow, StoredRows, Subject } from '../../subject.ts'
import { openGround } from '../postgres/ground.ts'
import { sharedOperations } from '../postgres/operations.ts'
import { createCapturedTokens } from './captured-tokens.ts'
import { forgeryOperations } from './forgery.ts'
import { migrate, sealKey } from './migrate.ts'
import { reachingOperation } from './reaching.ts'
import type { SealChoice } from './seal-choice.ts'

const openBecause: Readonly<Record<SealChoice, string>> = {
  none: 'SQL that is injected can name another tenant when nothing is sealed',
  stamp: 'a captured stamp can be replayed for some seconds',
  challenge: 'nothing should be',
}

/** Shared tables, kept apart by row-level security. */
export function rls(seal: SealChoice): IsolationKind {
  return {
    name: 'rls',
    variant: `seal ${seal}`,
    openBecause: openBecause[seal],
    open: terms => open(seal, terms),
  }
}

async function open(seal: SealChoice, terms: SubjectTerms): Promise<Subject> {
  const { route, first, logger, mutant } = terms
  const database = await terms.freshDatabase()
  await migrate(database, seal, first)
  const asOwner = mutant?.asOwner === true
  const ground = openGround({
    ...{ terms, database },
    url: asOwner ? database.ownerUrl : database.runtimeUrl,
    roles: [asOwner ? database.ownerRole : database.runtimeRole],
    residue: [
      `select 'the setting ' || name || ' = ' || current_setting(name, true)
         from unnest(array['tenantry.tenant_id', 'tenantry.seal']) name where current_setting(name, true) <> ''`,
    ],
  })
  const { pool, admin } = ground
  for (const text of (await mutant?.statements?.(ground)) ?? []) await admin.query(text)
  const isolation = pgRls({
    ...{ pool, seal, logger },
    sealKeys: () => sealKey,
    pooler: route === 'pgbouncer',
    namedStatements: terms.namedStatements,
    // So that reads share connections, as busy as a storm makes the machine.
    sharedReads: { short: 50 },
    onUnsafe: mutant === undefined ? 'refuse' : 'report',
  })
  await isolation.ready()

  async function stored(): Promise<StoredRows> {
    const notes = await admin.query('select tenant_id as holder, id, tag, version::float8 from notes')
    const marks = await admin.query<StoredRow>('select tenant_id as holder, tag from marks')
    return { notes: notes.rows, marks: marks.rows }
  }

  const { clients, strike, isBusy, residue } = ground
  const disconnect = () => ground.disconnect(isolation)
  return {
    ...{ clients, strike, isBusy, residue, stored, disconnect },
    isolation: (await mutant?.wrap?.(isolation, ground)) ?? isolation,
    operations: [
      ...sharedOperations(statements),
      reachingOperation,
      ...forgeryOperations({ seal, route, captured: createCapturedTokens() }),
    ],
    conflict: '(tenant_id, id)',
    close: () => ground.close(disconnect()),
  }
}

const statements: Parameters<typeof sharedOperations>[0] = {
  planted: () => [`select set_config('tenantry.tenant_id', 'nobody', false)`],
  refused: [
    'reset tenantry.tenant_id',
    `set tenantry.tenant_id = 'x'`,
    `-- a line\nset local tenantry.tenant_id = 'x'`,
  ],
  denied: () => [
    ...deniedToUsers,
    [`select tag from notes; set tenantry.tenant_id = 'x'`, '42601'],
    ['select * into temporary stolen from notes', '42501', 'STATEMENT_REFUSED'],
  ],
}
