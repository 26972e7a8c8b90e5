import { type CanActivate, SetMetadata } from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import type { Tenancy } from '@tenantry/core'

const withoutTenant = 'tenantry:without-tenant'

/**
 * Marks a handler or a controller that works without a tenant. The guard lets it through; whether a request is resolved is what
 * {@link TenancyModuleOptions.except} says.
 *
 * @example
 * @Get('health') @WithoutTenant() health() {}
 */
export const WithoutTenant = (): MethodDecorator & ClassDecorator => SetMetadata(withoutTenant, true)

/**
 * Lets no handler run without a tenant, nor for one whose work must end; also where handlers are called by something else than the
 * module's door, such as a gateway or a microservice. {@link tenancyModule} guards every handler by it.
 *
 * @throws {TenancyError} as {@link Tenancy.current}, at the request.
 */
export function tenantGuard(tenancy: Pick<Tenancy, 'current'>): CanActivate {
  const reflector = new Reflector()
  return {
    canActivate(context) {
      const isFree = reflector.getAllAndOverride<boolean | undefined>(withoutTenant, [
        context.getHandler(),
        context.getClass(),
      ])
      if (isFree !== true) tenancy.current()
      return true
    },
  }
}
