export { type BossJob, tenantHandler } from './tenant-handler.ts'
