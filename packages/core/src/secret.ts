import type { Awaitable } from './awaitable.ts'
import { TenancyError } from './errors.ts'

/** A secret that shows itself only when asked. Logs, JSON, templates and `util.inspect` get `[redacted]`. */
export interface Secret {
  /** The secret itself. Keep it no longer than you need it. */
  reveal(): string
}

/** Where secrets are read from: the port that secret stores fill in. */
export type SecretSource = (
  /** The name in the store. Not secret. */
  name: string,
) => Awaitable<Secret>

const redacted = '[redacted]'

/**
 * Wraps a secret.
 *
 * @example
 * console.log(`${secret('hunter2')}`, JSON.stringify({ key: secret('hunter2') })) // [redacted] {"key":"[redacted]"}
 */
export function secret(value: string): Secret {
  // The value stands in a closure and in no property, so that nothing that walks properties can find it.
  return Object.freeze({
    reveal: () => value,
    toString: () => redacted,
    toJSON: () => redacted,
    [Symbol.for('nodejs.util.inspect.custom')]: () => redacted,
  })
}

/**
 * Secrets from the environment.
 *
 * @throws {TenancyError} `CONFIG_INVALID`, by the source that is returned, when a variable is not set.
 */
export function envSecrets(env: Readonly<Record<string, string | undefined>> = process.env): SecretSource {
  return name => {
    const value = env[name]
    if (value === undefined || value === '') {
      throw new TenancyError('CONFIG_INVALID', { source: 'The environment', problems: [`${name} is not set`] })
    }
    return secret(value)
  }
}
