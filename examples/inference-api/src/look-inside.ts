import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import type { Deployment } from './deployment.ts'

interface Place {
  readonly tenant_id: string
  readonly mongo_uri: string
  readonly mongo_database: string
  readonly redis_addr: string
  readonly redis_db: number
}

/** What stands in each tenant's stores, past the API and past Tenantry: `acme_corp: 2 in MongoDB, 2 in Redis`. */
export async function lookInside({ TENANT_CONFIGS }: Deployment): Promise<string> {
  const found: string[] = []
  for (const { tenant_id, mongo_uri, mongo_database, redis_addr, redis_db } of JSON.parse(TENANT_CONFIGS) as Place[]) {
    const mongo = new MongoClient(mongo_uri)
    const redis = new Redis(`redis://${redis_addr}/${redis_db}`)
    try {
      const documents = await mongo.db(mongo_database).collection('inferences').countDocuments()
      const names = await redis.keys('*')
      const foreign = names.filter(name => !name.startsWith(`t:${tenant_id}:`)).length
      found.push(`${tenant_id}: ${documents} + ${names.length}${foreign === 0 ? '' : ` (${foreign} FOREIGN)`}`)
    } finally {
      redis.disconnect()
      await mongo.close()
    }
  }
  return found.join(', ')
}
