import {
  type CredentialSource,
  isTenancyError,
  type LoginTarget,
  TenancyError,
  type Tenant,
  tenantDigest,
} from '@tenantry/core'
import { errorText, type Query, quoteIdentifier, withinTransaction } from '@tenantry/pg'
import type pg from 'pg'
import { identityDdl, identityTable } from '../identity.ts'
import { type DatabaseStructure, defaultTemplate } from './database-structure.ts'
import { dropStore } from './drop-store.ts'
import { type Found, lockStore, lookAt } from './look-at.ts'
import { markRole } from './mark.ts'
import { becomeMember, leaveAfter, leaveMembership, letGrant } from './memberships.ts'
import { asProvisioner, atOnce, type ProvisionedServer, together } from './provisioner.ts'
import { makeStandingLogin } from './standing-login.ts'
import { takeOver } from './take-over.ts'

/** What provisioning needs to know. */
export interface ProvisionTerms {
  readonly at: ProvisionedServer
  readonly target: LoginTarget
  readonly epoch: string
  readonly structure: DatabaseStructure
  readonly source: CredentialSource
}

/**
 * Makes a tenant's owner role, database and login, or what of them is missing. Databases are not made in transactions, so that the
 * comment on the role is the journal: it says `making` from before the database is there until all is. What is found so is begun anew,
 * unless the database has its identity already: then it is whole, and only the rest is made.
 *
 * A call that fails takes away what it has made. One that is killed leaves it, for the next to finish.
 *
 * @throws {TenancyError} `OBJECT_FOREIGN`, `TEMPLATE_MISSING`, `DATABASE_UNAVAILABLE`, `CONNECTION_LOST`, `CONFIG_INVALID`,
 * `CREDENTIALS_UNAVAILABLE`, `CREDENTIALS_REFUSED`, and `PROVISIONING_FAILED` for all else.
 */
export async function provisionDatabase(tenant: Pick<Tenant, 'id'>, terms: ProvisionTerms): Promise<void> {
  const { at, target } = terms
  const mark = { tenant: tenantDigest(tenant.id) }
  const progress = { step: 'connecting' }
  try {
    await asProvisioner(at, undefined, async query => {
      progress.step = 'looking at what is there'
      await query(lockStore(target.owner))
      const found = await lookAt(query, target, mark)
      try {
        await makeStore(query, tenant, terms, found, progress)
        progress.step = 'making the login'
        await makeLogin(query, terms, mark, found.version)
        progress.step = 'ending'
        await atOnce(query, [markRole(target.owner, mark), leaveMembership(target.owner, found.version)])
      } catch (error) {
        if (found.owner === 'none') await undo(query, terms, found.version, mark.tenant)
        await leaveAfter(query, target.owner, found.version)
        throw error
      }
    })
  } catch (error) {
    if (isTenancyError(error)) throw error
    const details = { tenant: tenant.id, step: progress.step, reason: errorText(error) }
    throw new TenancyError('PROVISIONING_FAILED', details, { cause: error })
  }
}

/** The role and the database, unless they are there and whole. */
async function makeStore(
  query: Query,
  tenant: Pick<Tenant, 'id'>,
  terms: ProvisionTerms,
  found: Found,
  progress: { step: string },
): Promise<void> {
  const { at, target } = terms
  const { database, owner } = target
  if (found.owner === 'done' && found.database && !found.invalid) {
    if (found.open) return
    throw new Error(
      'the database takes no connections: its erasure has begun, or somebody has closed it. Erase it first',
    )
  }
  progress.step = `making the role ${owner}`
  await makeOwner(query, owner, found.owner === 'none', { tenant: tenantDigest(tenant.id) }, found.version)
  if (found.open && (await asProvisioner(at, database, hasIdentity))) return
  progress.step = `making the database ${database}`
  if (found.database) await query(`drop database ${quoteIdentifier(database)}`)
  await makeDatabase(query, terms)
  progress.step = `filling the database ${database}`
  await asProvisioner(at, database, (inside, client) => fill(inside, client, tenant, terms))
}

async function hasIdentity(query: Query): Promise<boolean> {
  const { rows } = await query<{ there: boolean }>(`select to_regclass('${identityTable}') is not null as there`)
  return rows[0]?.there === true && (await query(`select from ${identityTable}`)).rows.length > 0
}

async function makeLogin(
  query: Query,
  { source, target }: ProvisionTerms,
  mark: { readonly tenant: string },
  version: number,
): Promise<void> {
  const broker = await source.broker?.(target.server)
  if (broker !== undefined) await letGrant(query, target.owner, broker, version)
  if (source.enrol !== undefined) await source.enrol(target)
  else if (source.revoke === undefined)
    await makeStandingLogin(query, target, mark, await source.issue(target), version)
}

async function makeOwner(
  query: Query,
  owner: string,
  isNew: boolean,
  mark: { readonly tenant: string },
  version: number,
): Promise<void> {
  await atOnce(query, [
    ...(isNew ? [`create role ${quoteIdentifier(owner)} nologin`] : []),
    markRole(owner, { ...mark, making: true }),
    becomeMember(owner, version),
  ])
}

/** Nobody can connect to it, other than a superuser, until PUBLIC no longer may: the server lets everybody into a new database. */
async function makeDatabase(query: Query, { target, structure }: ProvisionTerms): Promise<void> {
  const [database, owner] = [quoteIdentifier(target.database), quoteIdentifier(target.owner)]
  const template = structure.by === 'template' ? (structure.database ?? defaultTemplate) : 'template0'
  await retried(() =>
    query(`create database ${database} owner ${owner} template ${quoteIdentifier(template)} allow_connections false`),
  ).catch((error: unknown) => {
    if ((error as { code?: string }).code !== '3D000') throw error
    throw new TenancyError('TEMPLATE_MISSING', { template }, { cause: error })
  })
  await atOnce(query, [
    `revoke all on database ${database} from public`,
    `alter database ${database} with allow_connections true`,
  ])
}

/** A template is in use for as long as somebody else looks at it, or makes it anew. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      // object_in_use
      if (attempt === 20 || (error as { code?: string }).code !== '55006') throw error
      await new Promise(resolve => setTimeout(resolve, 25 * attempt * (0.5 + Math.random())))
    }
  }
}

async function fill(
  query: Query,
  client: pg.ClientBase,
  tenant: Pick<Tenant, 'id'>,
  { structure, target, epoch }: ProvisionTerms,
): Promise<void> {
  const owner = quoteIdentifier(target.owner)
  await together(query, async () => {
    if (structure.by === 'template') {
      await takeOver(query, target.owner)
    } else {
      await query(`set local role ${owner}; set local search_path = public, pg_temp`)
      await withinTransaction(query, async () => {
        if (structure.by === 'migrate') await structure.migrate(query, { database: target.database, client })
        else for (const statement of structure.statements) await query(statement)
      })
      await query('reset role; set local search_path = pg_catalog, pg_temp')
    }
    await query(identityDdl(owner))
    await query(`insert into ${identityTable} (tenant, epoch) values ($1, $2)`, [tenant.id, epoch])
  })
}

/** What this call has made, and nothing else. What cannot be undone is marked, and made anew next time. */
async function undo(query: Query, { target, source }: ProvisionTerms, version: number, tenant: string): Promise<void> {
  try {
    const found = await query(`select from pg_roles where rolname = $1`, [target.owner])
    if (found.rows.length === 0) return
    await source.withdraw?.(target)
    await dropStore(query, target, { version, tenant, expel: async () => source.withdraw?.(target) })
  } catch {
    // The error that led here is the one that tells what to mend.
  }
}
