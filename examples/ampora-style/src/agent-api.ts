import { createHash } from 'node:crypto'
import { TenancyError } from '@tenantry/core'
import { hashApiKey } from '@tenantry/identity'
import express, { Router } from 'express'
import { textOf } from './control-api.ts'
import type { Platform } from './platform.ts'
import { agentOf } from './require-role.ts'

/**
 * Where agents enrol (A32): `{ token, name, secret }`. The secret is the agent's own, made by it, and kept here as a hash: from now on
 * `{tenant}_sk_{secret}` is its key, good in this tenant and no other. Whoever lost the answer sends the same again.
 */
export function enrolRoute({ enrolment, store, rows }: Platform): Router {
  const routes = Router()
  routes.post('/v1/agents', express.json({ limit: '10kb' }), async (request, response) => {
    const [token, name, secret] = ['token', 'name', 'secret'].map(field => textOf(request, field))
    if (token === undefined || name === undefined || !/^[A-Za-z0-9]{43,128}$/.test(secret ?? ''))
      throw new TenancyError('INPUT_INVALID', { field: 'secret', rule: 'must be 43–128 random letters and digits' })
    // Only who has the secret can go on with what was begun under its hash.
    const redeemer = createHash('sha256').update(`ampora agent ${secret}`).digest('hex')
    const agent = await enrolment.redeem(token, {
      redeemer,
      async bind({ tenantId, group, redemption: id }) {
        const key = `${tenantId}_sk_${secret}`
        const hash = hashApiKey(key)
        await rows.query('insert into agents (id, name, agent_group) values ($1, $2, $3) on conflict do nothing', [
          ...[id, name, group],
        ])
        const known = await store.apiKeys.find(tenantId, hash)
        const record = { id, tenantId, hash, scopes: ['agent'], createdAt: Date.now() }
        if (known?.id !== id) await store.apiKeys.add(record, { actor: `enrolment ${id}` })
        return { agent: id, tenant: tenantId, group: group ?? null }
      },
    })
    response.status(201).json(agent)
  })
  return routes
}

/** What an agent does in its tenant. Stands behind `tenantMiddleware`. */
export function agentApi({ tenancy, rows }: Platform): Router {
  const api = Router()
  api.get('/configurations', async (_request, response) => {
    const id = agentOf(tenancy.evidence())
    // Those that were rolled out to its group.
    const { rows: found } = await rows.query(
      `with me as (update agents set seen = now() where id = $1 returning agent_group)
       select distinct c.name, c.body from me join rollouts r using (agent_group) join configurations c on c.id = r.configuration order by 1`,
      [id],
    )
    response.json({ items: found })
  })
  return api
}
