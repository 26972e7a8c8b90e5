export type { PostgresApiKeys } from './api-keys.ts'
export type { AuditHead, AuditRecord, AuditTrail, AuditVerdict } from './audit-trail.ts'
export type { Act } from './change-by-hand.ts'
export {
  type RegistryChanges,
  type RegistryChangesOptions,
  registryChanges,
} from './changes/registry-changes.ts'
export type { Identities, Identity } from './identities.ts'
export type { PostgresMemberships } from './members.ts'
export { type MigrateRegistryOptions, migrateRegistry } from './migrate-registry.ts'
export { type PostgresRegistry, type PostgresRegistryOptions, postgresRegistry } from './postgres-registry.ts'
export { aesKeys } from './secrets/aes-keys.ts'
export type { KeyPort, SecretContext } from './secrets/key-port.ts'
export type { SecretOptions, TenantSecrets } from './secrets/tenant-secrets.ts'
