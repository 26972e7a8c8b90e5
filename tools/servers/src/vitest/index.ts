export { describeMongo, describeReplicaSet, type MongoForTests } from './describe-mongo.ts'
export { type DescribePostgresOptions, describePostgres, type PostgresRoute } from './describe-postgres.ts'
export type { PostgresForTests } from './postgres-for-tests.ts'
export type { Provided } from './provided-postgres.ts'
