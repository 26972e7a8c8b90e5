export { type DescribePostgresOptions, describePostgres, type PostgresRoute } from './describe-postgres.ts'
export { describeRedis, type RedisForTests } from './describe-redis.ts'
export type { PostgresForTests } from './postgres-for-tests.ts'
export type { Provided } from './provided-postgres.ts'
