export type { ApiKeyRecord, ApiKeyStore, ApiKeyUse } from './api-key-store.ts'
export type { Awaitable } from './awaitable.ts'
export { bindMessage, type NodeEmitter } from './bind-message.ts'
export {
  type Branding,
  type BrandingInput,
  type BrandingOptions,
  brandingOf,
  checkBranding,
  makeBranding,
} from './branding/branding.ts'
export { type BrandingStyle, brandingStyle } from './branding/branding-style.ts'
export { type PublicBrandingOptions, publicBranding } from './branding/public-branding.ts'
export type { ClaimMappings, ClaimValue, MappedClaim } from './claim-mappings.ts'
export type { CredentialSource, Credentials, LoginTarget } from './credentials.ts'
export { hasDuplicateMembers } from './duplicate-members.ts'
export type {
  EnrolmentAttempt,
  EnrolmentPool,
  EnrolmentRedemption,
  EnrolmentStore,
  EnrolmentToken,
} from './enrolment-store.ts'
export type { TenantEnvelope } from './envelope.ts'
export {
  type AnyTenancyError,
  type ErrorCode,
  type ErrorDetails,
  errors,
  isTenancyError,
  TenancyError,
  tenancyErrorOf,
} from './errors.ts'
export type { Listener, TenancyEvents } from './events.ts'
export type { Evidence, EvidenceSource, ImpersonationEvidence, SystemAccess } from './evidence.ts'
export { type FilesParticipantOptions, filesParticipant } from './files/files-participant.ts'
export { type FileMode, type TenantFiles, type TenantFilesOptions, tenantFiles } from './files/tenant-files.ts'
export { objectKey, tenantPrefix } from './files/tenant-prefix.ts'
export type { ForEachOptions } from './for-each.ts'
export type { ImpersonatedWork, Impersonation } from './impersonation.ts'
export type { Claims, Erasure, Finding, Health, Holding, Isolation } from './isolation.ts'
export type { Json } from './json.ts'
export type { ChangeAccess, LifecycleAccess } from './lifecycle/access.ts'
export type { AuditEntry, AuditLog } from './lifecycle/audit.ts'
export { createLifecycle } from './lifecycle/create-lifecycle.ts'
export type { DestroyPreview, DestroyReport, ParticipantHoldings } from './lifecycle/destroy-report.ts'
export type { Intention, LifecycleHook } from './lifecycle/hook.ts'
export type { Lifecycle, LifecycleOptions, NewTenant } from './lifecycle/lifecycle.ts'
export { type MemoryTenantStore, memoryTenantStore } from './lifecycle/memory-tenant-store.ts'
export type { Participant, StepKey } from './lifecycle/participant.ts'
export type { Reconciled, ReconcileOptions } from './lifecycle/reconcile.ts'
export type {
  Begun,
  Claim,
  JournalStep,
  NewOperation,
  Operation,
  Progress,
  TenantDomain,
  TenantPage,
  TenantStore,
  TenantWrite,
} from './lifecycle/tenant-store.ts'
export { assertTransition, type OperationKind, type Transition, transitions } from './lifecycle/transitions.ts'
export { consoleLogger, type Logger } from './logger.ts'
export type { Member, Membership, Memberships } from './memberships.ts'
export type { Principal } from './principal.ts'
export { type Problem, problemOf } from './problem.ts'
export {
  type CachedRegistry,
  type CachedRegistryOptions,
  type CacheStats,
  cachedRegistry,
} from './registries/cached-registry.ts'
export { type EnvRegistry, type EnvRegistryOptions, envRegistry } from './registries/env-registry.ts'
export type { HostAndPort } from './registries/host-and-port.ts'
export { type MemoryRegistry, memoryRegistry, type TenantChange } from './registries/memory-registry.ts'
export {
  type ConfiguredTenant,
  type ParameterProblem,
  type ParameterRule,
  uniqueRule,
} from './registries/parameter-rule.ts'
export type { ChangeBus, ChangeListener, RegistryChange, WatchedRegistry } from './registries/registry-changes.ts'
export type { SharedAnswer, SharedEntries, SharedPut } from './registries/shared-entries.ts'
export { tenantParameters } from './registries/tenant-parameters.ts'
export { describeKey, type TenantKey, type TenantRegistry } from './registry.ts'
export { type NodeMessage, nodeRequestView, type RequestView, requestPath, singleHeader } from './request-view.ts'
export type { Grant, Match, Resolver } from './resolver.ts'
export { type GatewayProof, type HeaderOptions, header } from './resolvers/header.ts'
export { type HostOptions, host } from './resolvers/host.ts'
export { type PathOptions, path } from './resolvers/path.ts'
export { type SafeStartOptions, safeStart } from './safe-start.ts'
export { envSecrets, type Secret, type SecretSource, secret } from './secret.ts'
export {
  type StartedTenants,
  type StartPart,
  type StartTenantsOptions,
  startTenants,
} from './start-tenants.ts'
export type { EnteredSystem, SystemWork } from './system-scope.ts'
export { createTenancy, type Tenancy } from './tenancy.ts'
export type { TenancyOptions } from './tenancy-options.ts'
export type { Placement, Tenant, TenantSource, TenantStatus } from './tenant.ts'
export { type TenantClients, type TenantClientsOptions, tenantClients } from './tenant-clients.ts'
export { digestLength, tenantDigest } from './tenant-digest.ts'
export {
  type CheckedTenantInput,
  checkTenantInput,
  isTenantId,
  makeTenant,
  reservedSlugs,
  type TenantInput,
} from './tenant-input.ts'
export { frozenTenant } from './tenant-snapshot.ts'
export type { Outcome, Step, Trace } from './trace.ts'
export { checkWholeNumbers } from './whole-numbers.ts'
