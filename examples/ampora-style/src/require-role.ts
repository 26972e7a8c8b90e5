import { type Evidence, type Principal, type Tenancy, TenancyError } from '@tenantry/core'
import type { RequestHandler } from 'express'

/** The roles of people (A21), the highest first. */
const roles = ['Admin', 'Operator', 'Viewer'] as const

/** What somebody is in a tenant. */
export type Role = (typeof roles)[number]

/** Who sends this request, as the credential says that named the tenant. */
export function callerOf(evidence: Evidence): Principal {
  const found =
    evidence.by === 'request' ? evidence.sources.find(({ principal }) => principal !== undefined) : undefined
  if (found?.principal === undefined) throw new TenancyError('CREDENTIAL_INVALID', { source: 'the caller' })
  return found.principal
}

/** Lets people through who have this role in the tenant of the request, or a higher one. An agent has none. */
export function requireRole(tenancy: Tenancy, needed: Role): RequestHandler {
  return (_request, response, next) => {
    const { role = '' } = callerOf(tenancy.evidence())
    const rank = (roles as readonly string[]).indexOf(role)
    if (rank >= 0 && rank <= roles.indexOf(needed)) return next()
    response.status(403).json({ title: `Only for ${needed}.`, code: 'FORBIDDEN' })
  }
}

/** Lets agents through: who enrolled, and nobody who logged in. @returns the agent's id. */
export function agentOf(evidence: Evidence): string {
  const { credential, scopes } = callerOf(evidence)
  if (credential === undefined || scopes?.includes('agent') !== true)
    throw new TenancyError('CREDENTIAL_INVALID', { source: 'the agent' })
  return credential
}
