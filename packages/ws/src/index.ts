export { type TenantUpgradeOptions, tenantUpgrade } from './tenant-upgrade.ts'
