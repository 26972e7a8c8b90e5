import { isIP } from 'node:net'

/** An address of a server. */
export interface HostAndPort {
  /** Without brackets. */
  readonly host: string
  readonly port: number
  /** Equal for two spellings of one address, as far as these can be known without asking. */
  readonly canonical: string
}

/** Reads `host:port`; an IPv6 address stands in brackets (I15). */
export function hostAndPortOf(address: string): HostAndPort | undefined {
  const [, literal, name, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})$/.exec(address) ?? []
  const host = literal ?? name
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535) return undefined
  if (literal !== undefined && isIP(literal) !== 6) return undefined
  if (name !== undefined && !isHostName(name)) return undefined
  return { host, port, canonical: `${canonicalHost(host, literal !== undefined)}:${port}` }
}

function isHostName(name: string): boolean {
  const labels = name.replace(/\.$/, '').split('.')
  // What ends with a number is read as an IPv4 address, in several ways unless it is written out (WHATWG URL, section 3.5).
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? '')) return isIP(name) === 4
  return name.length <= 253 && labels.every(label => /^[\w](?:[\w-]{0,61}\w)?$/.test(label))
}

function canonicalHost(host: string, isIPv6: boolean): string {
  const name = isIPv6 ? new URL(`http://[${host}]`).hostname : host.toLowerCase().replace(/\.$/, '')
  return ['localhost', '[::1]'].includes(name) || /^127\./.test(name) ? 'localhost' : name
}
