import { TenancyError } from '@tenantry/core'
import { isPlainName } from './storage-key.ts'

/** What a schema of extensions must not be. */
export interface ExtensionTerms {
  readonly keyPrefix?: string | undefined
  readonly defaultSchema?: string | undefined
  readonly template?: string | undefined
}

/**
 * Schemas that stand in the `search_path` of every tenant, behind its own: an unqualified name that a tenant has not falls through to
 * them, so that they are for extensions alone.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID`
 */
export function checkExtensions(
  extensions: readonly string[],
  { keyPrefix = 't_', defaultSchema, template }: ExtensionTerms,
): readonly string[] {
  for (const name of extensions) {
    const rule = brokenRule(name)
    if (rule !== undefined) throw new TenancyError('ARGUMENT_INVALID', { field: 'extensions', rule })
  }
  return [...extensions]

  function brokenRule(name: string): string | undefined {
    // The path is a list in which names stand without quotes.
    if (!isPlainName(name)) return 'must be names of lower-case letters, digits and "_", and none of the server\'s own'
    if (name === 'public')
      return 'must not name public: give extensions a schema of their own (alter extension … set schema extensions)'
    if (name === defaultSchema || name === template || name.startsWith(keyPrefix))
      return `must not name ${name}, which is for tables of tenants`
    return undefined
  }
}
