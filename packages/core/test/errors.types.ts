// Checked by tsc alone: the table of errors is also the table of their types.
import { type AnyTenancyError, problemOf, TenancyError } from '../src/index.ts'

new TenancyError('TENANT_NOT_FOUND', { key: 'slug acme' })
// @ts-expect-error a missing detail does not compile
new TenancyError('TENANT_NOT_FOUND', {})
// @ts-expect-error details are not optional
new TenancyError('TENANT_NOT_FOUND')
// @ts-expect-error a detail of another code does not compile
new TenancyError('TENANT_NOT_FOUND', { tenant: 'acme' })
// @ts-expect-error a detail has a type
new TenancyError('TENANT_NOT_FOUND', { key: 1 })
// @ts-expect-error a code that is not in the table does not compile
new TenancyError('TENANT_LOST', { key: 'slug acme' })

export function narrows(error: AnyTenancyError): string {
  problemOf(error)
  switch (error.code) {
    case 'TENANT_NOT_FOUND':
      // @ts-expect-error these are the details of another code
      error.details.sources
      return error.details.key
    case 'TENANT_AMBIGUOUS':
      return error.details.sources.join()
    case 'VERSION_CONFLICT':
      return String(error.details.actual + error.details.expected)
    default:
      // @ts-expect-error the codes above are used up
      return error.code === 'TENANT_NOT_FOUND' ? '' : error.message
  }
}
