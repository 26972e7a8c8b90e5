import { TenancyError } from '../../errors.ts'
import { checkWholeNumbers } from '../../whole-numbers.ts'

/** The longest that a process may know a tenant without asking, in milliseconds. */
const longestTtl = 5_000

/** @throws {TenancyError} `ARGUMENT_INVALID` */
export function checkCacheOptions({ ttl, negativeTtl, max }: Record<'ttl' | 'negativeTtl' | 'max', number>): void {
  checkWholeNumbers({ ttl, negativeTtl, max })
  if (ttl > longestTtl)
    throw new TenancyError('ARGUMENT_INVALID', { field: 'ttl', rule: `must be at most ${longestTtl}` })
  if (negativeTtl > ttl)
    throw new TenancyError('ARGUMENT_INVALID', { field: 'negativeTtl', rule: 'must be at most ttl' })
}
