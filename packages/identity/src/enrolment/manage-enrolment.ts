import {
  type AuditEntry,
  type AuditLog,
  checkWholeNumbers,
  type EnrolmentStore,
  secret,
  TenancyError,
} from '@tenantry/core'
import { invalid } from '../credential-header.ts'
import { checkText } from './check-text.ts'
import type { Enrolment, EnrolmentAct } from './enrolment-options.ts'
import { hashEnrolmentSecret, makeEnrolmentSecret, noHash } from './enrolment-secret.ts'
import type { TenantCheck } from './tenant-check.ts'

/** What the parts of enrolment work with. */
export interface ManageParts extends TenantCheck {
  readonly store: EnrolmentStore
  readonly audit: AuditLog | undefined
}

type Managed = Pick<
  Enrolment,
  'createPool' | 'rotatePoolSecret' | 'revokePool' | 'issue' | 'createToken' | 'revokeToken'
>

const week = 7 * 24 * 3_600_000
/** In milliseconds. What lasts longer is no token of enrolment, and would leave the range of dates. */
const longest = 10 * 365 * 24 * 3_600_000

/** Makes and revokes pools and tokens, each with its entry in the audit first. */
export function manageEnrolment({ store, audit, assertKnown, findActive }: ManageParts): Managed {
  async function note(action: string, tenant: string, act: EnrolmentAct, details: NonNullable<AuditEntry['details']>) {
    const { actor, reason } = act
    await audit?.audit({ action, tenant, actor, details, ...(reason !== undefined && { reason }) })
  }

  return {
    async createPool({ tenantId, name, group, ttl }, act) {
      checkText('name', name, 200)
      checkText('group', group, 200)
      checkLifetime('ttl', ttl)
      await assertKnown(tenantId)
      const id = crypto.randomUUID()
      await note('enrolment.pool.create', tenantId, act, { pool: id, name })
      const value = makeEnrolmentSecret('pool')
      const pool = await store.addPool({ id, tenantId, name, group, ttl }, hashEnrolmentSecret('pool', value))
      return { pool, secret: secret(value) }
    },
    async rotatePoolSecret(tenantId, poolId, act) {
      await note('enrolment.pool.rotate', tenantId, act, { pool: poolId })
      const value = makeEnrolmentSecret('pool')
      const isDone = await store.setPoolSecret(tenantId, poolId, hashEnrolmentSecret('pool', value))
      if (!isDone) throw foreign('pool')
      return secret(value)
    },
    async revokePool(tenantId, poolId, act) {
      await note('enrolment.pool.revoke', tenantId, act, { pool: poolId })
      if (!(await store.revokePool(tenantId, poolId))) throw foreign('pool')
    },
    async issue(poolId, poolSecret, { label } = {}) {
      checkText('label', label, 200)
      const given = hashEnrolmentSecret('pool', poolSecret)
      const pool = await store.pool(poolId)
      const tenant = await findActive(pool?.tenantId)
      // The store is asked in any case, for the time tells otherwise what was wrong (E13).
      const value = makeEnrolmentSecret('enrol')
      const id = crypto.randomUUID()
      const hash = hashEnrolmentSecret('enrol', value)
      const token = await store.issue(poolId, tenant === undefined ? noHash : given, { id, label }, hash)
      if (token === undefined || tenant === undefined || token.tenantId !== tenant.id) throw invalid('enrolment pool')
      // A token that nobody has been told of opens nothing.
      await note('enrolment.token.issue', tenant.id, { actor: `pool ${poolId}` }, { token: id, pool: poolId })
      return { token, secret: secret(value) }
    },
    async createToken({ tenantId, group, label, maxUses = 1, lifetime = week }, act) {
      checkText('group', group, 200)
      checkText('label', label, 200)
      checkWholeNumbers({ maxUses })
      if (lifetime !== null) checkLifetime('lifetime', lifetime)
      await assertKnown(tenantId)
      const id = crypto.randomUUID()
      await note('enrolment.token.create', tenantId, act, { token: id, maxUses })
      const value = makeEnrolmentSecret('enrol')
      const wanted = { id, tenantId, group, label, maxUses, lifetime: lifetime ?? undefined }
      const token = await store.addToken(wanted, hashEnrolmentSecret('enrol', value))
      return { token, secret: secret(value) }
    },
    async revokeToken(tenantId, tokenId, act) {
      await note('enrolment.token.revoke', tenantId, act, { token: tokenId })
      if (!(await store.revokeToken(tenantId, tokenId))) throw foreign('token')
    },
  }
}

function checkLifetime(field: string, milliseconds: number): void {
  checkWholeNumbers({ [field]: milliseconds })
  if (milliseconds > longest) throw new TenancyError('ARGUMENT_INVALID', { field, rule: `must be at most ${longest}` })
}

/** Another tenant's is told like one that there is not. */
function foreign(field: string): TenancyError {
  return new TenancyError('INPUT_INVALID', { field, rule: `must be a ${field} of this tenant` })
}
