import { isIPv4 } from 'node:net'
import { domainToASCII } from 'node:url'
import { z } from 'zod'
import { deepFreeze } from './deep-freeze.ts'
import { TenancyError } from './errors.ts'
import type { Tenant } from './tenant.ts'
import { uuidv7 } from './uuidv7.ts'

/** Slugs that an application needs for itself, as host names or first path segments. */
export const reservedSlugs: readonly string[] = [
  ...['admin', 'api', 'app', 'assets', 'auth', 'callback', 'cdn', 'console', 'dashboard', 'default', 'docs', 'email'],
  ...['favicon', 'ftp', 'graphql', 'health', 'healthz', 'help', 'imap', 'internal', 'localhost', 'login', 'logout'],
  ...['mail', 'metrics', 'null', 'oauth', 'pop', 'public', 'root', 'signup', 'smtp', 'static', 'status', 'support'],
  ...['system', 'template', 'tenant', 'tenants', 'undefined', 'well-known', 'www'],
]

const rules = {
  id: 'must be 1–64 characters of A–Z, a–z, 0–9, "_" and "-", and must not contain "_sk_"',
  slug: 'must be a lower-case DNS label: 1–63 of a–z, 0–9 and "-", no "-" at either end, not "xn--…"',
  reserved: 'is a reserved word',
  name: 'must be text of 1–200 characters',
  domain: 'must be a host name of at most 253 bytes, without scheme, port or path',
  settings: 'must be an object of plain JSON values',
  status: 'must be one of: provisioning, active, suspended, archived, deprovisioning, failed',
  flag: 'must be true or false',
  placement: 'must be an object of texts',
}

// RFC 1123 section 2.1: a label is letters, digits and hyphens, not at the ends, at most 63 bytes.
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** The id rule, also for ids that arrive from outside. */
export const tenantIdSchema = z
  .string(rules.id)
  .regex(/^[A-Za-z0-9_-]{1,64}$/, rules.id)
  // An API key is `{tenant id}_sk_…`; an id with `_sk_` in it would make that ambiguous.
  .refine(id => !id.includes('_sk_'), rules.id)

/** Whether this is a tenant's id, for adapters, whose callers need not have been through a registry. */
export function isTenantId(id: unknown): id is string {
  return tenantIdSchema.safeParse(id).success
}

/** The slug rule. A punycode label is refused: two names that look alike must not be two tenants. */
export const slugSchema = z
  .string(rules.slug)
  .regex(label, rules.slug)
  .refine(slug => !slug.startsWith('xn--'), rules.slug)
  .refine(slug => !reservedSlugs.includes(slug), rules.reserved)

// Node reads a domain as a browser's address bar does: it cuts off paths, drops control characters, decodes "%61" and makes
// 127.0.0.1 of "127.1". Only names that need none of that are taken.
function toALabels(domain: string): string {
  const name = domain.replace(/\.$/, '').toLowerCase()
  if (!/^[\p{L}\p{M}\p{N}.-]+$/u.test(name)) return ''
  const ascii = domainToASCII(name)
  const isPlain = name.length === Buffer.byteLength(name)
  return (isPlain || isIPv4(ascii)) && ascii !== name ? '' : ascii
}

/** A domain in the form in which hosts are compared: lower-case A-labels, no trailing dot. */
export const domainSchema = z
  .string(rules.domain)
  .transform(toALabels)
  .refine(
    domain => domain.length > 0 && domain.length <= 253 && domain.split('.').every(part => label.test(part)),
    rules.domain,
  )

// `z.json(message)` keeps the message to itself.
const jsonSchema = z.custom<z.infer<ReturnType<typeof z.json>>>(
  value => z.json().safeParse(value).success,
  rules.settings,
)

export const tenantInputSchema = z.object({
  id: tenantIdSchema.optional(),
  slug: slugSchema,
  name: z.string(rules.name).min(1, rules.name).max(200, rules.name),
  status: z
    .enum(['provisioning', 'active', 'suspended', 'archived', 'deprovisioning', 'failed'], rules.status)
    .default('active'),
  domains: z.array(domainSchema, rules.domain).default([]),
  placement: z.record(z.string(), z.string(rules.placement), rules.placement).default({}),
  isDefault: z.boolean(rules.flag).default(false),
  isControl: z.boolean(rules.flag).default(false),
  settings: z.record(z.string(), jsonSchema, rules.settings).default({}),
})

/** What an application says of a new tenant; the rest is filled in. */
export type TenantInput = z.input<typeof tenantInputSchema>

/** Checked input, with all defaults in. */
export type CheckedTenantInput = z.output<typeof tenantInputSchema>

/**
 * Checks what an application says of a tenant.
 *
 * @throws {TenancyError} `INPUT_INVALID` naming the first field that breaks a rule, and the rule.
 */
export function checkTenantInput(input: unknown): CheckedTenantInput {
  const result = tenantInputSchema.safeParse(input)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new TenancyError('INPUT_INVALID', {
    field: issue?.path.map(String).join('.') || 'tenant',
    rule: issue?.message ?? 'must be an object',
  })
}

/** The frozen snapshot that a registry hands out. */
export function makeTenant(input: CheckedTenantInput, version = 1): Tenant {
  const { domains: _, id, ...fields } = input
  return deepFreeze({ ...structuredClone(fields), id: id ?? uuidv7(), version })
}
