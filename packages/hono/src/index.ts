export { type TenantEnv, type TenantMiddlewareOptions, tenantMiddleware } from './tenant-middleware.ts'
