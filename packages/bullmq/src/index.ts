export { type TenantProcessorOptions, tenantProcessor } from './tenant-processor.ts'
