import { TenancyError } from '../errors.ts'

/** The refusal of a way that is no plain one of folders and a file at its end. */
export function crooked(rule: string): TenancyError<'PATH_INVALID'> {
  return new TenancyError('PATH_INVALID', { rule })
}

/** The refusal for an error that says that something on the way is a link or no folder; `undefined` for all others. */
export function linked(error: unknown): TenancyError<'PATH_INVALID'> | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ELOOP' || code === 'ENOTDIR'
    ? crooked('must lead through folders of its own, not through a link or a file')
    : undefined
}
