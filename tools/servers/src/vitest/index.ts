export { describePostgres, type PostgresForTests } from './describe-postgres.ts'
export type { ProvidedPostgres } from './provided-postgres.ts'
