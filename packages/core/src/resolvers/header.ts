import { TenancyError } from '../errors.ts'
import { type RequestView, singleHeader } from '../request-view.ts'
import type { Resolver } from '../resolver.ts'
import { slugSchema, tenantIdSchema } from '../tenant-input.ts'

/** Options of {@link header}. */
export interface HeaderOptions {
  /** Default `x-tenant-id`. */
  readonly name?: string
  /** What the header holds. Default `id`. */
  readonly kind?: 'id' | 'slug'
  /**
   * Whether the header may be believed. Anyone can send a header: say `true` only behind a gateway that removes it from
   * outside requests, or look at the request (a gateway's own credential) and decide. Default `false`: the header can only
   * confirm what a verified source says.
   */
  readonly trusted?: boolean | ((request: RequestView) => boolean)
}

/**
 * The tenant named by a request header.
 *
 * @example
 * header({ name: 'x-tenant-id', trusted: request => request.header('x-gateway-key')[0] === gatewayKey })
 */
export function header(options: HeaderOptions = {}): Resolver {
  const name = (options.name ?? 'x-tenant-id').toLowerCase()
  const kind = options.kind ?? 'id'
  const trusted = options.trusted ?? false
  const schema = kind === 'id' ? tenantIdSchema : slugSchema
  return {
    name: `header ${name}`,
    resolve(request) {
      const value = singleHeader(request, name)
      if (value === undefined) return undefined
      // A proxy that joins two headers makes "a, b", which no id or slug can be.
      const checked = schema.safeParse(value)
      if (!checked.success) {
        throw new TenancyError('REQUEST_INVALID', {
          field: `header ${name}`,
          rule: checked.error.issues[0]?.message ?? 'is malformed',
        })
      }
      const believed = typeof trusted === 'function' ? trusted(request) : trusted
      return { key: { kind, value: checked.data }, trust: believed === true ? 'verified' : 'asserted' }
    },
  }
}
