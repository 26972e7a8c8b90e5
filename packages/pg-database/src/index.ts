export { type PostgresLeases, type PostgresLeasesOptions, postgresLeases } from './leases/postgres-leases.ts'
export type { SweepReport } from './leases/sweep-broker.ts'
