import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { TenancyError } from '@tenantry/core'
import type pg from 'pg'

/** With an `enrol` token a host becomes an agent of the tenant; with an `agent` credential it is one. */
export type CredentialKind = 'enrol' | 'agent'

/** A credential as it may be shown: without what proves it. */
export interface ListedCredential {
  readonly id: string
  readonly kind: CredentialKind
  readonly label: string
  readonly created: Date
  readonly revoked: Date | null
}

/** Whose a credential is: the index from subjects to tenants. */
export interface Subject {
  readonly id: string
  readonly kind: CredentialKind
  readonly tenant: string
}

/** Credentials of agents, by their digests; nothing in the registry lets anybody in. */
export interface TenantCredentials {
  /** @returns the credential itself, which nobody can be shown again. */
  create(kind: CredentialKind, tenant: string, label: string): Promise<{ readonly id: string; readonly token: string }>
  list(tenant: string): Promise<readonly ListedCredential[]>
  /** @throws {TenancyError} `INPUT_INVALID` for one that the tenant does not have. */
  revoke(tenant: string, id: string): Promise<void>
  /** @throws {TenancyError} `CREDENTIAL_INVALID` for what is malformed, unknown, wrong or revoked; all look the same. */
  verify(token: string): Promise<Subject>
  /** Takes all of a tenant's away. @returns how many. */
  forget(tenant: string): Promise<number>
}

const form = /^(?:enrol|agent)_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_[\w-]{43}$/

export function tenantCredentials(pool: pg.Pool): TenantCredentials {
  return {
    async create(kind, tenant, label) {
      const { rows } = await pool.query<{ id: string }>('select gen_random_uuid() as id')
      const id = rows[0]?.id ?? ''
      const token = `${kind}_${id}_${randomBytes(32).toString('base64url')}`
      await pool.query(
        'insert into registry_credentials (id, kind, tenant, label, digest) values ($1, $2, $3, $4, $5)',
        [id, kind, tenant, label, digest(token)],
      )
      return { id, token }
    },
    async list(tenant) {
      const { rows } = await pool.query<ListedCredential>(
        'select id, kind, label, created, revoked from registry_credentials where tenant = $1 order by created, id',
        [tenant],
      )
      return rows
    },
    async revoke(tenant, id) {
      const { rowCount } = await pool.query(
        'update registry_credentials set revoked = coalesce(revoked, now()) where tenant = $1 and id::text = $2',
        [tenant, id],
      )
      if (rowCount === 0) throw new TenancyError('INPUT_INVALID', { field: 'id', rule: 'must be that of a credential' })
    },
    async verify(token) {
      const id = form.exec(token)?.[1]
      if (id === undefined) throw invalid()
      const { rows } = await pool.query<Subject & { digest: Buffer; revoked: Date | null }>(
        'select id, kind, tenant, digest, revoked from registry_credentials where id = $1',
        [id],
      )
      const [found] = rows
      // The digest is of the whole token, its kind too. It takes the same time however much of it is right.
      const proven = timingSafeEqual(digest(token), found?.digest ?? nobody)
      if (found === undefined || !proven || found.revoked !== null) throw invalid()
      return { id, kind: found.kind, tenant: found.tenant }
    },
    async forget(tenant) {
      const { rowCount } = await pool.query('delete from registry_credentials where tenant = $1', [tenant])
      return rowCount ?? 0
    },
  }
}

const nobody = randomBytes(32)

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function invalid(): TenancyError {
  return new TenancyError('CREDENTIAL_INVALID', { source: 'the agent' })
}
