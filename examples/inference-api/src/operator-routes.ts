import { TenancyError } from '@tenantry/core'
import { issueApiKey, type MemoryApiKeys } from '@tenantry/identity'
import type { FastifyPluginAsync } from 'fastify'
import { type IsOperator, requireOperator } from './operator.ts'
import type { Tenants } from './settings.ts'

export interface OperatorRoutesOptions {
  readonly tenants: Tenants
  readonly keys: MemoryApiKeys
  readonly isOperator: IsOperator
}

const keyWanted = {
  type: 'object',
  required: ['tenant_id'],
  additionalProperties: false,
  properties: { tenant_id: { type: 'string', maxLength: 64 } },
} as const

/** API keys are made and revoked by the operator (I35, I47). A key cannot make keys. */
export const operatorRoutes: FastifyPluginAsync<OperatorRoutesOptions> = async (app, { tenants, keys, isOperator }) => {
  app.addHook('onRequest', requireOperator(isOperator))

  app.post<{ Body: { tenant_id: string } }>('/v1/api-keys', { schema: { body: keyWanted } }, async (request, reply) => {
    const id = request.body.tenant_id
    const tenant = await tenants.find({ kind: 'id', value: id })
    if (tenant === undefined || tenant === null) throw new TenancyError('TENANT_NOT_FOUND', { key: `id ${id}` })
    const { key, record } = issueApiKey(tenant.id)
    keys.add(record)
    // Shown once, and kept nowhere: not here, and not by a cache on the way.
    reply.code(201).header('cache-control', 'no-store')
    return { id: record.id, tenant_id: record.tenantId, key: key.reveal() }
  })

  app.delete<{ Params: { id: string } }>('/v1/api-keys/:id', async (request, reply) => {
    keys.revoke(request.params.id)
    return reply.code(204).send()
  })
}
