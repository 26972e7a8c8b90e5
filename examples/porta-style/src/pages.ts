import { createHash } from 'node:crypto'
import { type Branding, brandingStyle } from '@tenantry/core'
import { type Html, html, style } from './html.ts'

/** A page, and what it may load and do. */
export interface Page {
  readonly status: number
  readonly body: string
  readonly policy: string
}

const looks = `
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:#f3f4f6;color:#111827;
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.card{width:100%;max-width:24rem;padding:2rem;border-radius:14px;background:linear-gradient(var(--brand-color) 5px,#fff 5px);
box-shadow:0 1px 2px rgb(0 0 0/8%),0 12px 32px rgb(0 0 0/8%)}
.brand{display:flex;align-items:center;gap:.75rem;margin-bottom:1.25rem;font-weight:600;overflow-wrap:anywhere}
.brand img{height:36px;max-width:120px;object-fit:contain}
.mark{display:grid;place-items:center;flex:none;width:36px;height:36px;border-radius:10px;background:var(--brand-color);color:var(--brand-on-color)}
h1{margin:0 0 .5rem;font-size:1.375rem;line-height:1.25}
p{margin:0 0 1rem;color:#4b5563;white-space:pre-line;overflow-wrap:anywhere}
label{display:block;margin:0 0 1rem;font-size:.875rem;font-weight:500}
input{display:block;width:100%;margin-top:.25rem;padding:.625rem .75rem;border:1px solid #9ca3af;border-radius:8px;font:inherit}
button{width:100%;padding:.6875rem 1rem;border:1px solid transparent;border-radius:8px;background:var(--brand-color);
color:var(--brand-on-color);font:inherit;font-weight:600;cursor:pointer}
button.plain{margin-top:.75rem;background:#fff;border-color:#9ca3af;color:#111827}
input:focus-visible,button:focus-visible{outline:3px solid var(--brand-color);outline-offset:2px}
ul{margin:0 0 1.25rem;padding-left:1.25rem}
.alert{padding:.625rem .75rem;border-radius:8px;background:#fef2f2;color:#991b1b;font-size:.875rem}
small{display:block;margin-top:1.25rem;color:#6b7280}
`
const looksHash = `'sha256-${createHash('sha256').update(looks).digest('base64')}'`

function page(brand: Branding, status: number, title: string, content: Html, formTarget?: string): Page {
  const { css, styleSource, assetSources } = brandingStyle(brand)
  const name = brand.companyName || 'Porta'
  const logo =
    brand.logoUrl === undefined
      ? html`<span class="mark" aria-hidden="true">${[...name][0] ?? ''}</span>`
      : html`<img src="${brand.logoUrl}" alt="">`
  const icon = brand.faviconUrl === undefined ? html`` : html`<link rel="icon" href="${brand.faviconUrl}">`
  const document = html`<!doctype html>
<html lang="${brand.defaultLocale}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex"><title>${title} · ${name}</title>${icon}${style(looks)}${style(css)}</head>
<body><main class="card"><div class="brand">${logo}<span>${name}</span></div>${content}</main></body></html>`
  const assets = assetSources.join(' ') || "'none'"
  const policy = [
    ...["default-src 'none'", `style-src ${looksHash} ${styleSource}`, `img-src ${assets}`, `font-src ${assets}`],
    ...["base-uri 'none'", "frame-ancestors 'none'"],
    // A form whose answer leads to a client's address: browsers ask the policy for that as well.
    `form-action 'self'${formTarget === undefined ? '' : ` ${new URL(formTarget).origin}`}`,
  ].join('; ')
  return { status, body: document.html, policy }
}

/** What the next request must carry again. */
type Hidden = Readonly<Record<string, string>>
const carried = (fields: Hidden): readonly Html[] =>
  Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)

/** Who are you? */
export function loginPage(brand: Branding, action: string, fields: Hidden, failed = false): Page {
  const alert = failed ? html`<p class="alert" role="alert">The address or the password is wrong.</p>` : html``
  const welcome = brand.loginText === undefined ? html`` : html`<p>${brand.loginText}</p>`
  const content = html`<h1>Sign in</h1>${welcome}${alert}<form method="post" action="${action}">${carried(fields)}
<label>E-mail<input name="email" type="email" autocomplete="username" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button></form>`
  return page(brand, failed ? 401 : 200, 'Sign in', content)
}

/** May the client know it? */
export function consentPage(
  brand: Branding,
  action: string,
  fields: Hidden,
  client: { readonly name: string; readonly redirect_uri: string },
  who: string,
): Page {
  const content = html`<h1>Allow ${client.name}?</h1><p>It will know, of ${who}:</p>
<ul><li>name and e-mail address</li><li>roles in this organization</li></ul>
<form method="post" action="${action}">${carried(fields)}
<button name="decision" value="allow">Allow</button><button class="plain" name="decision" value="deny">Cancel</button></form>
<small>You go back to ${new URL(client.redirect_uri).host}.</small>`
  return page(brand, 200, 'Allow', content, client.redirect_uri)
}

/** Why it went no further, in words for people. */
export function errorPage(brand: Branding, status: number, title: string): Page {
  const advice = status === 403 ? 'Ask those who run it.' : 'Go back to where you came from and try again.'
  const content = html`<h1>${title}</h1><p>${advice}</p><small>Error ${String(status)}</small>`
  return page(brand, status, title, content)
}
