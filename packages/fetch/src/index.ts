export { type FetchRequestOptions, fetchRequestView } from './fetch-request-view.ts'
export { problemResponse } from './problem-response.ts'
export { type ServeOptions, serveRequest } from './serve-request.ts'
export { type TenantHandlerOptions, tenantHandler } from './tenant-handler.ts'
