import {
  type Branding,
  errors,
  makeBranding,
  nodeRequestView,
  publicBranding,
  requestPath,
  type Tenancy,
  type TenantRegistry,
  tenancyErrorOf,
} from '@tenantry/core'
import type { ErrorRequestHandler, RequestHandler } from 'express'
import { errorPage } from './pages.ts'
import { sendPage } from './send-page.ts'

const neutral: Branding = makeBranding('Porta')

/** How to look for whoever the path names, if anybody: a hint, which gives no context (C04). */
function brandOf(registry: TenantRegistry, target: string): Promise<Branding> {
  const slug = requestPath({ target, header: () => [] }).split('/', 2)[1] ?? ''
  return publicBranding(registry, { kind: 'slug', value: slug.toLowerCase() }, { neutral })
}

/** Tells people, who see pages, what the middleware behind tells programs. */
export function refusalPages(tenancy: Tenancy, registry: TenantRegistry): RequestHandler {
  return async (request, response, next) => {
    if (request.accepts(['json', 'html']) !== 'html') return next()
    try {
      await tenancy.resolve(nodeRequestView(request))
    } catch (error) {
      const refusal = tenancyErrorOf(error)
      if (refusal === undefined) throw error
      const { status, title } = errors[refusal.code]
      return sendPage(response, errorPage(await brandOf(registry, request.url), status, wordsFor(status, title)))
    }
    next()
  }
}

function wordsFor(status: number, title: string): string {
  if (status === 404) return 'There is nothing here.'
  return status === 403 ? 'This organization is suspended.' : title
}

/** What goes wrong in a page is a page, without a word of why. */
export function failurePages(registry: TenantRegistry, log: (error: unknown) => void): ErrorRequestHandler {
  return async (error, request, response, next) => {
    if (response.headersSent || request.accepts(['json', 'html']) !== 'html') return next(error)
    log(error)
    sendPage(response, errorPage(await brandOf(registry, request.originalUrl), 500, 'Something went wrong.'))
  }
}
