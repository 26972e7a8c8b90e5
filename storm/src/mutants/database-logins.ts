import type { LoginTarget } from '@tenantry/core'
import { database } from '../isolations/database/database.ts'
import type { Mutant } from '../mutant.ts'

// Mutants of logins: who is given which, who may connect, who is served no more.

const everybody = [
  'grant all on all tables in schema public to public',
  'grant all on all sequences in schema public to public',
]

export const databaseLoginMutants: readonly Mutant[] = [
  {
    name: 'lease-of-another',
    what: 'now and then the lease of another tenant is given out, and everybody may use every database',
    kind: database,
    database: {
      async spoil(estate, tenants) {
        for (const tenant of tenants) {
          const { database: name } = tenant.placement
          await estate.at(tenant).inside(`${name}`, async client => {
            await client.query(`grant connect on database ${name} to public; ${everybody.join('; ')}`)
            await client.query('grant usage on schema tenantry to public; grant select on tenantry.identity to public')
          })
        }
      },
      credentials(source) {
        const before = new Map<string, LoginTarget>()
        let issued = 0
        return {
          ...source,
          issue(target) {
            const other = before.get(target.server)
            before.set(target.server, target)
            return source.issue(other !== undefined && ++issued % 10 === 0 ? { ...target, ...pick(other) } : target)
          },
        }
      },
    },
  },
  {
    name: 'everybody-connects',
    what: 'a migration has opened every database and every table to everybody',
    kind: database,
    database: {
      async spoil(estate, tenants) {
        for (const tenant of tenants) {
          const { database: name } = tenant.placement
          const texts = [`grant connect on database ${name} to public`, ...everybody]
          await estate.at(tenant).inside(`${name}`, client => client.query(texts.join('; ')))
        }
      },
    },
  },
  {
    name: 'suspended-served',
    what: 'a tenant that is suspended is served as before',
    kind: database,
    database: {
      wrap: isolation => ({
        ...isolation,
        // Its connections and its leases end, and then it may come back.
        async evict(tenant) {
          await isolation.evict({ ...tenant, version: 0 })
        },
      }),
    },
  },
  {
    name: 'suspended-connected',
    what: 'a tenant that is suspended is refused, and its logins and sessions live on',
    kind: database,
    database: {
      wrap(isolation) {
        const suspended = new Map<string, number>()
        return {
          ...isolation,
          async evict({ id, version }) {
            suspended.set(id, version)
          },
          handle: source =>
            isolation.handle(() => {
              const tenant = source()
              const isOver = tenant.version <= (suspended.get(tenant.id) ?? 0)
              return isOver ? { ...tenant, status: 'archived' } : tenant
            }),
        }
      },
    },
  },
  {
    name: 'left-behind-database',
    what: 'a tenant is said to be deprovisioned, and is not',
    kind: database,
    database: {
      wrap: isolation => ({ ...isolation, deprovision: async ({ id: tenant }) => ({ tenant, erased: [] }) }),
    },
  },
]

/** Whom a login is for. */
function pick({ tenant, owner }: LoginTarget): Pick<LoginTarget, 'tenant' | 'owner'> {
  return { tenant, owner }
}
