import { hostAndPortOf } from './host-and-port.ts'

/** What a connection string of MongoDB says that is not secret. */
export interface MongoPlace {
  /** `host:port` in lower case, of every member; `srv:name` for a name that stands for its members. */
  readonly hosts: readonly string[]
}

// The connection string of the MongoDB specifications: scheme, user, members, database, options. Reserved characters in a user or a
// password are percent-encoded, or the string would have two meanings.
const form =
  /^mongodb(\+srv)?:\/\/(?:([^:/?#[\]@]+)(?::([^:/?#[\]@]*))?@)?([^/?#@]+)(?:\/([^/?#\\. "$*<>:|]*))?(?:\?([^?#]*))?$/

/**
 * Reads a connection string, in any of the five forms of I32 or as `mongodb+srv:`.
 *
 * @returns `undefined` for what is none. Nothing of it is shown, as it may hold a password.
 */
export function mongoPlaceOf(uri: string): MongoPlace | undefined {
  const [, srv, user = '', password = '', members = '', , options = ''] = form.exec(uri) ?? []
  if (members === '' || ![user, password, options].every(isEncoded)) return undefined
  if (options !== '' && !options.split('&').every(option => /^[A-Za-z]+=[^=]+$/.test(option))) return undefined
  const hosts = members.split(',').map(member => memberOf(member))
  if (srv !== undefined) {
    // Such a name is asked of the name server, so it is one, without a port.
    return hosts.length === 1 && /^[\w-]+(?:\.[\w-]+)+$/.test(members)
      ? { hosts: [`srv:${members.toLowerCase()}`] }
      : undefined
  }
  return hosts.includes(undefined) ? undefined : { hosts: hosts.filter(host => host !== undefined) }
}

function memberOf(member: string): string | undefined {
  return hostAndPortOf(member.includes(':', member.indexOf(']') + 1) ? member : `${member}:27017`)?.canonical
}

function isEncoded(text: string): boolean {
  return !/%(?![0-9A-Fa-f]{2})/.test(text)
}
