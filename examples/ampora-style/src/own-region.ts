import type { RequestHandler } from 'express'

/**
 * Sends the requests of tenants that live in another region there (A47), before any statement: the database of this region has nothing of
 * theirs, and an empty list would be a lie. 307 keeps method and body (RFC 9110, section 15.4.8).
 *
 * @param others - where other regions are served.
 */
export function ownRegion(own: string, others: Readonly<Record<string, string>>): RequestHandler {
  return ({ tenant, originalUrl }, response, next) => {
    const region = tenant?.placement.region ?? ''
    if (region === own) return next()
    const there = Object.hasOwn(others, region) ? others[region] : undefined
    if (there === undefined)
      return void response.status(421).json({ title: 'Not served here.', code: 'REGION_UNKNOWN' })
    response
      .status(307)
      .set('location', `${there}${originalUrl}`)
      .json({ title: `Served in ${region}.`, code: 'REGION_OTHER' })
  }
}
