import { z } from 'zod'
import { deepFreeze } from '../../deep-freeze.ts'
import { TenancyError } from '../../errors.ts'
import { describeKey, type TenantKey } from '../../registry.ts'
import type { Tenant } from '../../tenant.ts'
import { tenantIdSchema } from '../../tenant-input.ts'

const sharedSchema = z.strictObject({
  key: z.string(),
  tenant: z.strictObject({
    id: tenantIdSchema,
    slug: z.string().min(1),
    name: z.string(),
    status: z.literal('active'),
    placement: z.record(z.string(), z.string()),
    isDefault: z.boolean(),
    isControl: z.boolean(),
    version: z.int(),
    settings: z.record(z.string(), z.json()),
  }),
})

/** A tenant as the text that is shared under one of its keys. */
export function writeSharedTenant(key: TenantKey, tenant: Tenant): string {
  const { id, slug, name, status, placement, isDefault, isControl, version, settings } = tenant
  const fields = { id, slug, name, status, placement, isDefault, isControl, version, settings }
  return JSON.stringify({ key: describeKey(key), tenant: fields })
}

/**
 * Reads a shared text, which others could have written: it must be an active tenant, written for this very key.
 *
 * @throws {TenancyError} `CONFIG_INVALID`, without anything of the text.
 */
export function readSharedTenant(source: string, key: TenantKey, text: string): Tenant {
  const { key: written, tenant } = parse(source, key, text)
  const isOther = key.kind !== 'domain' && tenant[key.kind].toLowerCase() !== key.value.toLowerCase()
  if (written !== describeKey(key) || isOther || (key.kind === 'id' && tenant.id !== key.value)) {
    throw garbled(source, key, 'it was written for another key')
  }
  return deepFreeze(tenant)
}

function parse(source: string, key: TenantKey, text: string): z.infer<typeof sharedSchema> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's error quotes the text.
    throw garbled(source, key, 'it is not JSON')
  }
  const result = sharedSchema.safeParse(value)
  if (result.success) return result.data
  throw garbled(source, key, `${result.error.issues[0]?.path.map(String).join('.') || 'it'} is not valid`)
}

function garbled(source: string, key: TenantKey, rule: string): TenancyError {
  const problems = [`the entry of ${describeKey(key)} is not believed: ${rule}`]
  return new TenancyError('CONFIG_INVALID', { source: `The shared cache "${source}"`, problems })
}
