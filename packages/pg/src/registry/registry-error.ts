import { type ErrorDetails, TenancyError } from '@tenantry/core'
import { isServerError, statementError } from '../database-error.ts'
import { refuseSql } from './schema/trigger-sql.ts'

/** What is taken when a constraint is broken. */
const fields: Readonly<Record<string, ErrorDetails<'TENANT_EXISTS'>['field']>> = {
  registry_tenants_pkey: 'id',
  registry_tenants_id: 'id',
  registry_names_id: 'id',
  registry_tenants_slug: 'slug',
  registry_names_slug: 'slug',
  registry_tenants_default: 'isDefault',
  registry_tenants_control: 'isControl',
  registry_domains_name: 'domain',
  registry_identities_value: 'identity',
  registry_placements_storage: 'storageKey',
  registry_names_storage: 'storageKey',
}

// unique_violation; character_not_in_repertoire, untranslatable_character, invalid_text_representation: text that is no text of the
// server's, such as one with a NUL or half a character (errcodes, appendix A).
const taken = '23505'
const notText = /^22(?:021|P05|P02)$/

/** What the server said of a statement, as an error of Tenantry where it has one. */
export function registryError(error: unknown, write: { readonly tenant: string; readonly operation: string }): unknown {
  if (!isServerError(error)) return statementError(error)
  const { code = '', constraint = '', detail = '', message } = error
  const field = code === taken && Object.hasOwn(fields, constraint) ? fields[constraint] : undefined
  if (field !== undefined) {
    const isFlag = field === 'isDefault' || field === 'isControl'
    // The only part of the detail that no server translates.
    const value = isFlag ? 'true' : (/\)=\((.*)\)/.exec(detail)?.[1] ?? 'the one that was given')
    return new TenancyError('TENANT_EXISTS', { field, value }, { cause: error })
  }
  if (code === refuseSql.transition)
    return new TenancyError('TRANSITION_REFUSED', { ...write, rule: message.replace(/\.$/, '') }, { cause: error })
  if (notText.test(code))
    return new TenancyError('INPUT_INVALID', { field: 'text', rule: 'must be Unicode without NUL' }, { cause: error })
  return statementError(error)
}
