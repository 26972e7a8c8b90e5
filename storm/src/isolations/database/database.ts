import type { CredentialSource } from '@tenantry/core'
import { pgDatabase } from '@tenantry/pg-database'
import type { IsolationKind, SubjectTerms } from '../../isolation-kind.ts'
import type { Subject } from '../../subject.ts'
import { sharedOperations } from '../postgres/operations.ts'
import { auditLogins } from './audit-logins.ts'
import { backends } from './backends.ts'
import { openBrokerage } from './brokerage.ts'
import { watchClients } from './client-watch.ts'
import { deniedTexts, refusedTexts } from './denied.ts'
import { openEstate } from './estate.ts'
import { loginOperations } from './logins.ts'
import { placementAt } from './names.ts'
import { auditNomads } from './nomad-audit.ts'
import { moveOperation } from './nomad-moves.ts'
import { visitOperation } from './nomad-visits.ts'
import { createNomads } from './nomads.ts'
import { ownOperations } from './own-objects.ts'
import { placeOperations } from './places.ts'
import { eachOf, fill, storedRows } from './rows.ts'
import { sessionOperations, sessionResidue } from './sessions.ts'

/** A database and leased logins for every tenant, on two servers, within a budget of connections. */
export const database: IsolationKind = {
  name: 'database',
  variant: '',
  openBecause: 'nothing should be',
  // A pooler would need a pool for each login, and they come and go.
  routes: ['direct'],
  tenantInput: (at, id) => ({ placement: placementAt(at, id) }),
  open,
}

/** Milliseconds: short enough that logins change in the middle of a storm. */
const lease = { lifetime: 20_000, sweepEvery: 2_000 }

const applicationName = 'a storm'

async function open({ freshDatabase, first, logger, mutant }: SubjectTerms): Promise<Subject> {
  const estate = await openEstate(await freshDatabase())
  const brokerage = openBrokerage(estate, { ...lease, logger })
  const breaks = mutant?.database
  const watch = watchClients(applicationName, {
    ...(breaks?.opening === undefined ? {} : { opening: breaks.opening }),
    ...(mutant?.onConnect === undefined ? {} : { opened: client => mutant.onConnect?.(client) }),
  })
  const credentials: CredentialSource = breaks?.credentials?.(brokerage.source) ?? brokerage.source
  const isolation = pgDatabase({
    ...estate.options,
    ...{ credentials, logger, applicationName },
    // Above all that a tenant may have to wait for on a busy machine, and below what the storm takes for stuck.
    connections: { max: 20, maxPerTenant: 4, queueTimeout: 20_000, drainTimeout: 1_000 },
    onUnsafe: mutant === undefined ? 'refuse' : 'report',
  })
  const tenants = [...first.keys()]
  const nomads = createNomads()
  await eachOf(nomads, ({ tenant }) => isolation.provision(tenant))
  await eachOf(tenants, async tenant => {
    await isolation.provision(tenant)
    await fill(estate, tenant, first.get(tenant) ?? new Map())
  })
  await breaks?.spoil?.(estate, tenants)
  const broken = breaks?.wrap?.(isolation, watch.clients) ?? isolation
  await isolation.ready()

  const { strike, isBusy } = backends(estate, applicationName)
  let ending: Promise<void> | undefined
  function disconnect(): Promise<void> {
    ending ??= isolation.close()
    return ending
  }

  const territory = { nomads, estate, isolation: broken }
  return {
    ...{ strike, isBusy, disconnect, clients: watch.clients, isolation: broken },
    operations: [
      ...sharedOperations({
        planted: () => [`select set_config('role', 'none', false)`],
        refused: refusedTexts,
        denied: ({ tenant, other }) => deniedTexts(tenant, other),
      }),
      ...ownOperations,
      ...loginOperations({ estate, brokerage }),
      ...placeOperations(broken),
      ...sessionOperations,
      visitOperation(territory),
      moveOperation(territory),
    ],
    conflict: '(id)',
    residue: () => sessionResidue(isolation, watch.clients),
    stored: () => storedRows(estate, tenants),
    async audit(complain) {
      await auditNomads(territory, complain)
      await auditLogins(estate, complain)
    },
    async close() {
      watch.stop()
      // What is stuck keeps its connection; then the database is dropped under it.
      await Promise.race([disconnect(), new Promise(resolve => setTimeout(resolve, 3_000).unref())])
      await brokerage.close()
      await estate.close()
    },
  }
}
