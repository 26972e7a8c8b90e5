import { findTenant, type TenantKey, type TenantRegistry } from '../registry.ts'
import { isHidden } from '../servable.ts'
import { domainSchema, slugSchema, tenantIdSchema } from '../tenant-input.ts'
import { type Branding, type BrandingOptions, brandingOf, makeBranding } from './branding.ts'

/** Options of {@link publicBranding}. */
export interface PublicBrandingOptions extends BrandingOptions {
  /** How it looks where no tenant is known. Default: nothing but the defaults. */
  readonly neutral?: Branding
  /** Show a suspended tenant as if it did not exist, as the tenancy does. Default `false`. */
  readonly hideSuspended?: boolean
}

const neutralBranding = makeBranding('')
const shapes = { id: tenantIdSchema, slug: slugSchema, domain: domainSchema }

/**
 * How to look before anybody has logged in, by a hint that nobody vouches for: a path, a host, a cookie. Gives the looks only, never the
 * tenant, and enters nothing. Unknown, archived and hidden tenants look the same, and are looked up in the same way.
 *
 * @throws {TenancyError} `INPUT_INVALID` for a tenant whose settings break the rules; what the registry throws.
 * @example
 * const brand = await publicBranding(registry, { kind: 'slug', value: request.params.slug })
 */
export async function publicBranding(
  registry: TenantRegistry,
  hint: TenantKey,
  options: PublicBrandingOptions = {},
): Promise<Branding> {
  const { neutral = neutralBranding } = options
  const key = shapes[hint.kind].safeParse(hint.value)
  if (!key.success) return neutral
  const tenant = await findTenant(registry, { kind: hint.kind, value: key.data }, one => isHidden(one, options))
  return tenant === undefined || isHidden(tenant, options) ? neutral : brandingOf(tenant, options)
}
