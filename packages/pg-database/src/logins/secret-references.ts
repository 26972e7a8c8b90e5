import { readFile } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { envSecrets, type SecretSource, secret, TenancyError } from '@tenantry/core'

/** Bytes; what is longer is no password. */
const longest = 4_096

/**
 * Secrets by reference: `env:NAME` is a variable of the environment, `file:/run/secrets/name` a file, whose last line break does not
 * count. Read each time that they are asked for, so that a file may be replaced.
 *
 * @throws {TenancyError} `CONFIG_INVALID`, by the source that is returned, for what is no reference, not there or empty.
 */
export function secretReferences(env?: Readonly<Record<string, string | undefined>>): SecretSource {
  const variables = envSecrets(env)
  return async reference => {
    const [, scheme, name = ''] = /^(env|file):(.+)$/s.exec(reference) ?? []
    if (scheme === 'env') return variables(name)
    if (scheme !== 'file' || !isAbsolute(name))
      throw unreadable(reference, 'is no reference: it must be env:NAME or file:/path')
    const text = await readFile(name, 'utf8').catch((error: { code?: string }) => {
      throw unreadable(reference, `cannot be read (${error.code ?? 'no code'})`)
    })
    const value = text.replace(/\r?\n$/, '')
    if (value === '' || value.length > longest) throw unreadable(reference, 'is empty, or too long for a password')
    return secret(value)
  }
}

/** A text that is no reference may be the secret itself. */
function unreadable(reference: string, problem: string): TenancyError {
  const named = /^file:/.test(reference) ? reference : 'a secret'
  return new TenancyError('CONFIG_INVALID', { source: 'The secret references', problems: [`${named} ${problem}`] })
}
