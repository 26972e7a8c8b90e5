import { isTenantId, type RegistryChange, type TenantKey } from '@tenantry/core'

const kinds: readonly unknown[] = ['id', 'slug', 'domain'] satisfies TenantKey['kind'][]

/** What a message says, or `undefined` for what is no word of a change: whoever may publish may say anything. */
export function readChange(text: string): RegistryChange | undefined {
  let value: Partial<Record<keyof RegistryChange, unknown>> | null
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { id, version, keys } = value
  if (!isTenantId(id) || !Number.isSafeInteger(version) || !Array.isArray(keys) || !keys.every(isKey)) return undefined
  return {
    id: String(id),
    version: Number(version),
    keys: keys.map(({ kind, value: name }) => ({ kind, value: name })),
  }
}

function isKey(key: unknown): key is TenantKey {
  if (typeof key !== 'object' || key === null || !('kind' in key) || !('value' in key)) return false
  return kinds.includes(key.kind) && typeof key.value === 'string'
}
