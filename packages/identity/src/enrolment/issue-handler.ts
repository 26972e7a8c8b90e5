import { TenancyError } from '@tenantry/core'
import { credentialOf, invalid } from '../credential-header.ts'
import { answering, unkept } from '../web/answering.ts'
import type { FetchHandler } from '../web/fetch-handler.ts'
import { bodyFields } from '../web/request-fields.ts'
import type { Enrolment } from './enrolment-options.ts'

/**
 * The endpoint that issues tokens: `POST …/pools/{pool id}/tokens` with the pool's secret after `Bearer`, and perhaps a `label` in a
 * JSON body (A30, A31). Nothing else of a token can be asked for: it is as the pool says (A25). Answers 201 with the token, once.
 *
 * @example
 * app.post('/v1/pools/:id/tokens', nodeHandler(issueHandler(enrolment)))
 */
export function issueHandler(enrolment: Pick<Enrolment, 'issue'>): FetchHandler {
  const source = 'enrolment pool'
  return answering(['POST'], async request => {
    const poolId = /\/pools\/([0-9A-Za-z-]{1,64})\/tokens$/.exec(new URL(request.url).pathname)?.[1]
    const given = request.headers.get('authorization')
    const view = { target: '/', header: () => (given === null ? [] : [given]) }
    const poolSecret = credentialOf(view, 'authorization', source)
    if (poolId === undefined || poolSecret === undefined) throw invalid(source)
    const { label, ...others } = await bodyFields(request)
    if (Object.keys(others).length > 0)
      throw new TenancyError('REQUEST_INVALID', { field: 'body', rule: 'may have a label and nothing else' })
    const { token, secret } = await enrolment.issue(poolId, poolSecret, { label })
    const { id, expiresAt } = token
    const expires = expiresAt === undefined ? {} : { expires_at: new Date(expiresAt).toISOString() }
    return Response.json({ id, token: secret.reveal(), ...expires }, { status: 201, headers: unkept })
  })
}
