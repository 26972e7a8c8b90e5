/** What stands behind a reference, or what is wrong with it. */
export type Dereferenced = { readonly value: unknown; readonly rule?: never } | { readonly rule: string }

/**
 * A parameter may stand in a variable of its own, where a secret manager has put it (I43): `{ "env": "ACME_MONGO_URI" }` is the text of
 * that variable. Everything else is the value itself.
 */
export function dereference(value: unknown, env: Readonly<Record<string, string | undefined>>): Dereferenced {
  if (typeof value !== 'object' || value === null || Object.keys(value).join() !== 'env') return { value }
  const name: unknown = (value as { env: unknown }).env
  if (typeof name !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return { rule: 'refers to no environment variable: "env" must be the name of one' }
  }
  const text = Object.hasOwn(env, name) ? env[name] : undefined
  // The name is not shown: somebody may have put the secret itself there.
  if (text === undefined || text === '') return { rule: 'refers to an environment variable that is not set' }
  return { value: text }
}
