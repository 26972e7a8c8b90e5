export { type PgRlsOptions, pgRls } from './pg-rls.ts'
export { type ProtectOptions, protectTable, unprotectTable } from './protect-table.ts'
