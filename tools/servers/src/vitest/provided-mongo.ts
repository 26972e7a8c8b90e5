import type { MongoSource } from '../mongo/mongo-source.ts'
import type { Provided } from './provided-postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    tenantryMongo: Provided<MongoSource>
  }
}
