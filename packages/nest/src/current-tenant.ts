import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import { TenancyError, type Tenant } from '@tenantry/core'

/**
 * The tenant that a request is served for, as an argument of a handler.
 *
 * @throws {TenancyError} `TENANT_CONTEXT_MISSING`, at the request, on a route without a tenant.
 * @example
 * @Get() notes(@CurrentTenant() tenant: Tenant) {}
 */
export const CurrentTenant: () => ParameterDecorator = createParamDecorator(
  (_: unknown, context: ExecutionContext): Tenant => {
    const { tenant } = context.switchToHttp().getRequest<{ tenant?: Tenant }>()
    if (tenant === undefined) throw new TenancyError('TENANT_CONTEXT_MISSING', { scope: 'none' })
    return tenant
  },
)
