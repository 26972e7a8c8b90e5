import { createHash, timingSafeEqual } from 'node:crypto'
import { TenancyError } from '../errors.ts'
import { type RequestView, singleHeader } from '../request-view.ts'
import type { Resolver } from '../resolver.ts'
import type { Secret } from '../secret.ts'
import { slugSchema, tenantIdSchema } from '../tenant-input.ts'

/** Options of {@link header}. */
export interface HeaderOptions {
  /** Default `x-tenant-id`. */
  readonly name?: string
  /** What the header holds. Default `id`. */
  readonly kind?: 'id' | 'slug'
  /**
   * Whether the header may be believed. Anyone can send a header: say `true` only behind a gateway that removes it from
   * outside requests; or name the header in which the gateway proves itself by a secret; or look at the request and decide.
   * Default `false`: the header can only confirm what a verified source says.
   */
  readonly trusted?: boolean | GatewayProof | ((request: RequestView) => boolean)
}

/** A secret that only the gateway knows, and the header in which it sends it. */
export interface GatewayProof {
  readonly header: string
  readonly secret: Secret
}

/**
 * The tenant named by a request header.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for a gateway's secret of fewer than 16 characters.
 * @example
 * header({ trusted: { header: 'x-gateway-key', secret: await envSecrets()('GATEWAY_KEY') } })
 */
export function header(options: HeaderOptions = {}): Resolver {
  const name = (options.name ?? 'x-tenant-id').toLowerCase()
  const kind = options.kind ?? 'id'
  const trusts = trustOf(options.trusted ?? false)
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
      return { key: { kind, value: checked.data }, trust: trusts(request) ? 'verified' : 'asserted' }
    },
  }
}

function trustOf(trusted: NonNullable<HeaderOptions['trusted']>): (request: RequestView) => boolean {
  if (typeof trusted === 'boolean') return () => trusted
  if (typeof trusted === 'function') return request => trusted(request) === true
  const wanted = trusted.secret.reveal()
  if (wanted.length < 16) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'trusted.secret', rule: 'must have at least 16 characters' })
  }
  const name = trusted.header.toLowerCase()
  const digest = sha256(wanted)
  // Hashes have one length and tell nothing by how long their comparison takes.
  return request => {
    const given = singleHeader(request, name)
    return given !== undefined && timingSafeEqual(sha256(given), digest)
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}
