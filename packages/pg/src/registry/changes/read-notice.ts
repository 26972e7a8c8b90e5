import type { RegistryChange, TenantKey } from '@tenantry/core'

/** A change as the trigger has told it; `undefined` for what it would not say. */
export function readNotice(payload: string): RegistryChange | undefined {
  let said: unknown
  try {
    said = JSON.parse(payload)
  } catch {
    return undefined
  }
  const { id, version, keys } = (said ?? {}) as { readonly [name: string]: unknown }
  if (typeof id !== 'string' || !Number.isInteger(version) || !Array.isArray(keys)) return undefined
  const read = keys.map(keyOf)
  return read.every(key => key !== undefined) ? { id, version: Number(version), keys: read } : undefined
}

function keyOf(said: unknown): TenantKey | undefined {
  const [kind, value] = Array.isArray(said) ? (said as unknown[]) : []
  return (kind === 'slug' || kind === 'domain') && typeof value === 'string' ? { kind, value } : undefined
}
