import { decodeJwt } from 'jose'

/** Says an answer in a few words. */
export function describeAnswer(body: unknown): string {
  if (typeof body === 'string') return pageOf(body)
  if (body === null || typeof body !== 'object') return String(body)
  const {
    code,
    error,
    issuer,
    access_token,
    active,
    status,
    organizations,
    proved,
    participants,
    title,
    primaryColor,
    role,
    redirect_uri,
    email,
  } = body as Record<string, unknown>
  if (code !== undefined) return String(code)
  if (error !== undefined) return String(error)
  if (issuer !== undefined) return `issuer ${issuer}`
  if (typeof access_token === 'string') return tokenOf(access_token)
  if (active !== undefined) return active ? 'active' : 'inactive'
  if (Array.isArray(organizations))
    return organizations
      .map(({ slug }) => slug)
      .toSorted()
      .join(', ')
  if (Array.isArray(body)) return body.map(({ kind }) => kind).join(', ')
  if (Array.isArray(proved)) return `erased; nothing left in ${proved.toSorted().join(', ')}`
  if (Array.isArray(participants)) return countOf(participants)
  if (primaryColor !== undefined) return String(primaryColor)
  return String(status ?? role ?? redirect_uri ?? email ?? title)
}

function pageOf(page: string): string {
  const title = /<title>([^<]*)<\/title>/.exec(page)?.[1]
  if (title === undefined) return page.startsWith('See Other') ? 'back to the client' : page
  return `${title}, in ${/--brand-color:(#\w{6})/.exec(page)?.[1]}`
}

function tokenOf(token: string): string {
  const { iss, aud, roles } = decodeJwt(token)
  return `a token of ${String(iss).split('/').pop()} for ${aud}, as ${String(roles) || 'nobody special'}`
}

function countOf(participants: readonly { readonly holdings: readonly { name: string; count: number }[] }[]): string {
  const all = participants.flatMap(({ holdings }) => holdings)
  return `would erase ${all.reduce((sum, { count }) => sum + count, 0)} things`
}
