import { type Branding, brandingStyle } from '@tenantry/core'
import type { Response } from 'express'

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const text = (value: string) => value.replace(/[&<>"']/g, character => entities[character] ?? '')

/** A page in somebody's looks, under a policy that lets nothing else load or run. */
function sendPage(response: Response, brand: Branding, title: string, content: string, script = false): void {
  const { css, styleSource, assetSources } = brandingStyle(brand)
  const name = brand.companyName || 'Ampora'
  const logo = brand.logoUrl === undefined ? '' : `<img src="${text(brand.logoUrl)}" alt="" height="32"> `
  const assets = assetSources.join(' ') || "'none'"
  const own = script ? `; script-src 'self'; connect-src 'self'` : ''
  response
    .set({
      'content-security-policy': `default-src 'none'; style-src ${styleSource}; img-src ${assets}; font-src ${assets}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'${own}`,
      ...{ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff' },
    })
    .type('html')
    .send(`<!doctype html>
<html lang="${text(brand.defaultLocale)}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${title} · ${text(name)}</title><style>${css}</style></head>
<body><header>${logo}<strong>${text(name)}</strong></header><main>${content}</main></body></html>`)
}

/** What stands before a login (A35). The slug is anybody's; its looks are all that it gives. */
export function loginWall(response: Response, brand: Branding, slug: string): void {
  const welcome = brand.loginText === undefined ? '' : `<p>${text(brand.loginText)}</p>`
  const content = `<h1>Sign in</h1>${welcome}<form method="get" action="/t/${text(slug)}/sign-in"><button>Sign in</button></form>`
  sendPage(response, brand, 'Sign in', content)
}

/** Where a login ends: the token stands in the fragment, which no server is sent. */
export function consolePage(response: Response, brand: Branding): void {
  const content = '<nav id="menu">Signing in …</nav><script src="/console.js"></script>'
  sendPage(response, brand, 'Console', content, true)
}

/** Fills the user menu (A36), and takes the token out of the address. */
export const consoleScript = `const given = new URLSearchParams(location.hash.slice(1))
history.replaceState(null, '', location.pathname)
const menu = document.getElementById('menu')
const token = given.get('access_token')
if (token === null) menu.textContent = 'Not let in: ' + given.get('error')
else fetch('/api/me', { headers: { authorization: 'Bearer ' + token } })
  .then(answer => answer.json())
  .then(({ tenant, user, role, title }) => { menu.textContent = tenant ? tenant.name + ' · ' + user + ' · ' + role : title })
  .catch(() => { menu.textContent = 'Not reached.' })
`
