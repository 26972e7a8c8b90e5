export { type ProblemHandlerOptions, problemHandler } from './problem-handler.ts'
export { systemMiddleware } from './system-middleware.ts'
export { tenantMiddleware } from './tenant-middleware.ts'
