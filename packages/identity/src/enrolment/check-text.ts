import { TenancyError } from '@tenantry/core'

/**
 * Text that people see and databases keep.
 *
 * @throws {TenancyError} `INPUT_INVALID`
 */
export function checkText(field: string, value: string | undefined, longest: number): void {
  if (value === undefined) return
  const isGood = typeof value === 'string' && value !== '' && value.length <= longest && !/\p{Cc}|\p{Cs}/u.test(value)
  if (!isGood)
    throw new TenancyError('INPUT_INVALID', {
      field,
      rule: `must be 1–${longest} characters, none a control character`,
    })
}
