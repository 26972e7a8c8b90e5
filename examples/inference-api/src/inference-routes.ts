import { createHash } from 'node:crypto'
import { isTenancyError, type Tenancy, TenancyError } from '@tenantry/core'
import type { TenantMongo } from '@tenantry/mongo'
import type { TenantRedis } from '@tenantry/redis'
import type { FastifyPluginAsync } from 'fastify'
import type { Document } from 'mongodb'
import { problem } from './problems.ts'
import { countRequest } from './quota.ts'
import type { Tenants } from './settings.ts'

export interface InferenceRoutesOptions {
  readonly tenancy: Tenancy
  readonly tenants: Tenants
  readonly mongo: TenantMongo
  readonly redis: TenantRedis
  /** Inferences that a tenant may ask for in a minute. */
  readonly limit: number
}

interface Inference {
  readonly model: string
  readonly prompt: string
  readonly output: string
  readonly at: Date
}

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength }) as const
const inferenceWanted = {
  type: 'object',
  required: ['model', 'prompt'],
  additionalProperties: false,
  properties: { model: text(64), prompt: text(8192) },
} as const
const reportWanted = {
  type: 'object',
  required: ['pipeline'],
  additionalProperties: false,
  properties: { pipeline: { type: 'array', maxItems: 20, items: { type: 'object' } } },
} as const
const listWanted = { type: 'object', additionalProperties: false, properties: { model: text(64) } } as const

/** What callers of a tenant do. Nothing here names a tenant: the handles follow the one whose request it is. */
export const inferenceRoutes: FastifyPluginAsync<InferenceRoutesOptions> = async (app, options) => {
  const { tenancy, tenants, mongo, redis, limit } = options
  const inferences = mongo.collection<Inference>('inferences')

  app.get('/v1/some-endpoint', async () => {
    const { id, name } = tenancy.current()
    const { mongo_database } = tenants.config(id)
    return { tenant_id: id, name, mongo_database, inferences: await inferences.countDocuments({}) }
  })

  app.post<{ Body: { model: string; prompt: string } }>(
    '/v1/inferences',
    { schema: { body: inferenceWanted } },
    async (request, reply) => {
      const { count, secondsLeft } = await countRequest(redis)
      if (count > limit) {
        reply.header('retry-after', secondsLeft)
        return problem(reply, 429, 'Too many inferences within a minute.')
      }
      const { model, prompt } = request.body
      const name = `output:${createHash('sha256')
        .update(JSON.stringify([model, prompt]))
        .digest('hex')}`
      const known = await redis.get(name)
      const output = known ?? infer(prompt)
      if (known === null) await redis.set(name, output, 'EX', 3600)
      const { insertedId } = await inferences.insertOne({ model, prompt, output, at: new Date() })
      return reply.code(201).send({ id: insertedId, model, output, cached: known !== null })
    },
  )

  app.get<{ Querystring: { model?: string } }>(
    '/v1/inferences',
    { schema: { querystring: listWanted } },
    async request => {
      const { model } = request.query
      const found = inferences.find(model === undefined ? {} : { model }).sort({ at: -1 })
      return (await found.limit(100).toArray()).map(({ _id, ...rest }) => ({ id: _id, ...rest }))
    },
  )

  // The caller writes the pipeline: the handle keeps it within the tenant's database, and this route within reading.
  app.post<{ Body: { pipeline: Document[] } }>(
    '/v1/reports',
    { schema: { body: reportWanted } },
    async ({ body: { pipeline } }) => {
      if (pipeline.some(stage => Object.hasOwn(stage, '$out') || Object.hasOwn(stage, '$merge')))
        throw new TenancyError('INPUT_INVALID', { field: 'pipeline', rule: 'must not write' })
      try {
        return await inferences.aggregate([...pipeline, { $limit: 100 }], { maxTimeMS: 2_000 }).toArray()
      } catch (error) {
        if (!isTenancyError(error) || error.code !== 'STATEMENT_REFUSED') throw error
        const rule = 'has a stage or an operator that is not known to stay with the tenant'
        throw new TenancyError('INPUT_INVALID', { field: 'pipeline', rule }, { cause: error })
      }
    },
  )
}

/** What a model would say. */
function infer(prompt: string): string {
  return prompt.split(/\s+/).toReversed().join(' ')
}
