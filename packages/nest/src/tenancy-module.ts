import type { DynamicModule } from '@nestjs/common'
import { APP_FILTER, APP_GUARD, HttpAdapterHost } from '@nestjs/core'
import { type Logger, type Tenancy, TenancyError } from '@tenantry/core'
import { tenantMiddleware } from '@tenantry/express'
import type { Request, RequestHandler } from 'express'
import { tenancyFilter } from './tenancy-filter.ts'
import { tenantGuard } from './tenant-guard.ts'

/** Options of {@link tenancyModule}. */
export interface TenancyModuleOptions {
  readonly tenancy: Tenancy
  /** Requests that have no tenant, such as those of a health check. Their handlers need `@WithoutTenant()`. Default: none. */
  readonly except?: (request: Request) => boolean
  /** Told of errors with a status of 500 and up, which the answer says little about. Default: JSON on standard error. */
  readonly logger?: Logger
}

/**
 * A module for the root of an application on the Express platform. Resolves the tenant of each request before its body is read, sets
 * `request.tenant`, runs all of Nest in the tenant's context, lets no handler run without one, and answers errors of Tenantry with
 * problem details (RFC 9457).
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`, while Nest starts, on another platform.
 * @example
 * @Module({ imports: [tenancyModule({ tenancy })], controllers: [Notes] })
 */
export function tenancyModule({ tenancy, except = () => false, logger }: TenancyModuleOptions): DynamicModule {
  const enter = tenantMiddleware(tenancy)
  const door: RequestHandler = (request, response, next) => (except(request) ? next() : enter(request, response, next))

  function open({ httpAdapter }: HttpAdapterHost): RequestHandler {
    if (httpAdapter?.getType() !== 'express') {
      throw new TenancyError('ARGUMENT_INVALID', { field: 'platform', rule: 'must be Express' })
    }
    // Modules are made before Nest adds its body parsers, and a module's own middleware stands behind them.
    httpAdapter.use(door)
    return door
  }

  return {
    module: class TenancyModule {},
    providers: [
      { provide: 'tenantry:door', inject: [HttpAdapterHost], useFactory: open },
      { provide: APP_GUARD, useValue: tenantGuard(tenancy) },
      { provide: APP_FILTER, useValue: tenancyFilter(logger) },
    ],
  }
}
