import { TenancyError } from '@tenantry/core'
import { MongoClient, type MongoClientOptions } from 'mongodb'

/** What every connection must have. */
export interface ConnectionRules {
  readonly requireTls: boolean
  readonly requireAuth: boolean
}

/** What is wrong with a client, as sentences without a value of it. Nothing is connected. */
export function connectionProblems(
  { options }: MongoClient,
  { requireTls, requireAuth }: ConnectionRules,
): readonly string[] {
  const problems: string[] = []
  if (requireTls && options.tls !== true) problems.push('it connects without TLS, which requireTls asks for')
  // The driver makes of tlsAllowInvalidHostnames a function that finds every name right.
  const isLax = options.rejectUnauthorized === false || options.checkServerIdentity !== undefined
  if (requireTls && isLax)
    problems.push('it does not check the certificate of the server, or its name, in the usual way')
  if (requireAuth && options.credentials === undefined) problems.push('it logs in as nobody, which requireAuth forbids')
  return problems
}

/** @throws {TenancyError} `CONFIG_INVALID` with all of the problems. */
export function requireConnection(source: string, client: MongoClient, rules: ConnectionRules): void {
  const problems = connectionProblems(client, rules)
  if (problems.length > 0) throw new TenancyError('CONFIG_INVALID', { source, problems })
}

/**
 * A client of a URI, not connected.
 *
 * @throws {TenancyError} `CONFIG_INVALID` for a URI that the driver refuses. Its own error quotes the URI, with the password.
 */
export function parseConnection(source: string, uri: string, options: MongoClientOptions): MongoClient {
  try {
    return new MongoClient(uri, options)
  } catch {
    const problems = [
      'the URI or its options are not what MongoDB’s driver takes: mongodb:// or mongodb+srv://, hosts, options that it knows',
    ]
    throw new TenancyError('CONFIG_INVALID', { source, problems })
  }
}
