export type {
  ApiKeyRecord,
  ApiKeyStore,
  ApiKeyUse,
  ClaimMappings,
  ClaimValue,
  MappedClaim,
  Member,
  Membership,
  Memberships,
} from '@tenantry/core'
export { type ApiKeyOptions, apiKey } from './api-keys/api-key.ts'
export { hashApiKey } from './api-keys/api-key-format.ts'
export { type CachedApiKeys, type CachedApiKeysOptions, cachedApiKeys } from './api-keys/cached-api-keys.ts'
export { type IssuedApiKey, type IssueOptions, issueApiKey } from './api-keys/issue-api-key.ts'
export { type MemoryApiKeys, memoryApiKeys } from './api-keys/memory-api-keys.ts'
export { memoryClaimMappings, type TenantClaims } from './claims/memory-claim-mappings.ts'
export { defaultRoles } from './claims/roles.ts'
export { createEnrolment } from './enrolment/create-enrolment.ts'
export type { Enrolling, Enrolment, EnrolmentAct, EnrolmentOptions, Redeeming } from './enrolment/enrolment-options.ts'
export { issueHandler } from './enrolment/issue-handler.ts'
export { memoryEnrolment } from './enrolment/memory-enrolment.ts'
export { jwt } from './jwt/jwt.ts'
export type { JwtAlgorithm, JwtIssuer, JwtKeys, JwtOptions, TenantsQuestion } from './jwt/jwt-options.ts'
export { type AdmitByClaimsOptions, admitByClaims } from './login/admit-by-claims.ts'
export { oidcLogin } from './login/oidc-login.ts'
export type { Admission, ApplicationTokens, OidcLogin, OidcLoginOptions } from './login/oidc-login-options.ts'
export { type OidcSettings, oidcSettingsOf } from './login/oidc-settings.ts'
export { memorySingleUse, type SingleUse } from './login/single-use.ts'
export { type MemoryMemberships, memoryMemberships } from './members/memory-memberships.ts'
export type { FetchHandler } from './web/fetch-handler.ts'
export { type NodeRequest, nodeHandler } from './web/node-handler.ts'
