import { hasDuplicateMembers } from '../duplicate-members.ts'

/** The entries of `TENANT_CONFIGS`. What is wrong with the text goes to `problems`, and nothing of the text with it. */
export function parseTenantConfigs(text: string | undefined, problems: string[]): readonly unknown[] {
  if (text === undefined || text.trim() === '') {
    problems.push('TENANT_CONFIGS: is not set; it must be a JSON array of tenants')
    return []
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's own message quotes the text, which may hold passwords.
    problems.push('TENANT_CONFIGS: is not valid JSON')
    return []
  }
  if (!Array.isArray(value) || value.length === 0) {
    problems.push('TENANT_CONFIGS: must be a JSON array of at least one tenant')
    return []
  }
  if (hasDuplicateMembers(text))
    problems.push('TENANT_CONFIGS: has a key twice in one object, of which one would be lost')
  return value
}
