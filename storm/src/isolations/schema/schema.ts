import { pgSchema } from '@tenantry/pg-schema'
import pg from 'pg'
import type { IsolationKind, SubjectTerms } from '../../isolation-kind.ts'
import type { Subject } from '../../subject.ts'
import { connectionOperation } from '../postgres/connection-operation.ts'
import { openGround } from '../postgres/ground.ts'
import { sharedOperations } from '../postgres/operations.ts'
import { becomingOperations } from './becoming.ts'
import { crossingOperations } from './crossing.ts'
import { auditDecoys, decoys } from './decoys.ts'
import { deniedTexts, refusedTexts } from './denied.ts'
import { dropRoles } from './drop-roles.ts'
import { auditNomads } from './nomad-audit.ts'
import { moveOperation } from './nomad-moves.ts'
import { visitOperation } from './nomad-visits.ts'
import { createNomads, scatter } from './nomads.ts'
import { fill, storedRows } from './rows.ts'
import { shapeOperation } from './shapes.ts'
import { storesOf } from './stores.ts'
import { shared, structure } from './structure.ts'

/** A schema and a role for every tenant. */
export const schema: IsolationKind = {
  name: 'schema',
  variant: '',
  openBecause: 'SQL that is injected can set another role, and has its privileges in what it runs as a text after that',
  tenantInput: at => (at % 5 === 0 ? { placement: { schema: `t_placed_${at}` } } : {}),
  open,
}

async function open(terms: SubjectTerms): Promise<Subject> {
  const { route, first, logger, mutant } = terms
  const database = await terms.freshDatabase()
  const { runtimeRole, provisionerRole } = database
  const ground = openGround({
    ...{ terms, database },
    url: database.runtimeUrl,
    roles: [runtimeRole, provisionerRole],
    // It is not among the settings that a server lists.
    residue: [`select 'the role ' || current_user where current_user <> session_user`],
  })
  const { pool, admin } = ground
  const provisioner = new pg.Pool({ connectionString: database.provisionerUrl, max: 4 })
  provisioner.on('error', () => undefined)
  // All databases of the server share its roles.
  const rolePrefix = `${database.name}_`
  const isolation = pgSchema({
    ...{ pool, provisioner, rolePrefix, structure, logger },
    extensions: ['helpers'],
    pooler: route === 'pgbouncer',
    namedStatements: terms.namedStatements,
    // So that reads share connections, as busy as a storm makes the machine.
    sharedReads: { short: 50 },
    onUnsafe: mutant === undefined ? 'refuse' : 'report',
  })

  await admin.query([...shared(database), ...decoys].join(';\n'))
  const tenants = [...first.keys()]
  const nomads = createNomads()
  await Promise.all([...tenants, ...nomads.map(({ tenant }) => tenant)].map(isolation.provision))
  // Names are read while every store is there.
  const stores = await storesOf(admin)
  const broken = (await mutant?.wrap?.(isolation, ground)) ?? isolation
  const shapes = await fill(admin, stores, first)
  await scatter({ nomads, admin, stores, isolation })
  for (const text of (await mutant?.statements?.(ground)) ?? []) await admin.query(text)
  await isolation.ready()

  const { clients, strike, isBusy, residue } = ground
  let ending: Promise<unknown> | undefined
  async function disconnect(): Promise<void> {
    ending ??= Promise.all([ground.disconnect(isolation), provisioner.end()])
    await ending
  }

  const territory = { nomads, admin, stores, isolation: broken }
  return {
    ...{ clients, strike, isBusy, residue, disconnect },
    isolation: broken,
    operations: [
      ...sharedOperations({
        planted: ({ other }) => [`select set_config('role', '${stores.of(other).role}', false)`],
        refused: refusedTexts,
        denied: ({ tenant, other }) => deniedTexts(stores.of(tenant), stores.of(other)),
      }),
      ...crossingOperations(stores),
      ...becomingOperations(stores),
      shapeOperation(shapes),
      connectionOperation,
      visitOperation(territory),
      moveOperation(territory),
    ],
    conflict: '(id)',
    stored: () => storedRows(admin, stores, tenants),
    async audit(complain) {
      await auditDecoys(admin, complain)
      await auditNomads(territory, complain)
    },
    async close() {
      await ground.close(disconnect())
      await dropRoles(database.adminUrl, rolePrefix)
    },
  }
}
