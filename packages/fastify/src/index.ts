export { type SystemPluginOptions, systemPlugin } from './system-plugin.ts'
export { type TenantPluginOptions, tenantPlugin } from './tenant-plugin.ts'
