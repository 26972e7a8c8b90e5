import { TenancyError } from '@tenantry/core'

/** @throws {TenancyError} `STATEMENT_REFUSED`, always. */
export function refuse(statement: string, reason: string, advice: string): never {
  throw new TenancyError('STATEMENT_REFUSED', { statement, reason, advice })
}

/** @throws {TenancyError} `ARGUMENT_INVALID`, always. */
export function invalid(field: string, rule: string): never {
  throw new TenancyError('ARGUMENT_INVALID', { field, rule })
}
