export { type TenantPluginOptions, tenantPlugin } from './tenant-plugin.ts'
