export { type PgRlsOptions, pgRls } from './pg-rls.ts'
export { type ProtectOptions, protectTable, unprotectTable } from './protect-table.ts'
export type { SealKey, SealKeys } from './seal/seal-key.ts'
export {
  installSeal,
  removeSealKeyStatement,
  type SealInstallOptions,
  type SealKeyStatement,
  type SealMode,
  sealKeyStatement,
} from './seal/seal-sql.ts'
