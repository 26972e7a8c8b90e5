export { type ProblemHandlerOptions, problemHandler } from './problem-handler.ts'
export { tenantMiddleware } from './tenant-middleware.ts'
