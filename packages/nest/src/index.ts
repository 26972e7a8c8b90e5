export { CurrentTenant } from './current-tenant.ts'
export { type TenancyModuleOptions, tenancyModule } from './tenancy-module.ts'
export { tenantGuard, WithoutTenant } from './tenant-guard.ts'
