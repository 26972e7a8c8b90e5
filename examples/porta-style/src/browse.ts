import { createHash, randomBytes } from 'node:crypto'
import { type Answer, type Call, send } from '@tenantry/demo'

/** What a person's browser and a client do together to log in. */
export interface Login {
  readonly slug: string
  readonly email: string
  readonly password: string
  readonly client: string
  readonly redirect: string
}

/** A form as a browser sends it. */
export function formCall(path: string, fields: Readonly<Record<string, string>>, host = 'auth.example.com'): Call {
  const body = Buffer.from(new URLSearchParams(fields).toString())
  // `send` has a type of its own for bytes; that of the headers wins.
  return { method: 'POST', host, path, headers: { 'content-type': 'application/x-www-form-urlencoded' }, body }
}

/** The fields of a page's form that nobody sees. */
export function hiddenFields(page: unknown): Readonly<Record<string, string>> {
  const found = String(page).matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)
  return Object.fromEntries([...found].map(([, name = '', value = '']) => [name, unescaped(value)]))
}

function unescaped(text: string): string {
  const signs: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => signs[name] ?? '')
}

/** What a client asks for, and the secret behind it (RFC 7636). */
export function authorization({ slug, client, redirect }: Pick<Login, 'slug' | 'client' | 'redirect'>) {
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    ...{ response_type: 'code', client_id: client, redirect_uri: redirect, state: 'xyz', nonce: 'n-1' },
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  return { verifier, path: `/${slug}/auth/authorize?${query}`, fields: Object.fromEntries(query) }
}

/** Logs in and allows it: what the token endpoint answers. */
export async function logIn(port: number, login: Login): Promise<Readonly<Record<string, string>>> {
  const { slug, email, password, client, redirect } = login
  const { code, verifier } = await codeOf(port, login)
  const fields = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirect,
    client_id: client,
    code_verifier: verifier,
  }
  const { status, body } = await send(port, formCall(`/${slug}/auth/token`, fields))
  if (status !== 200) throw new Error(`No token for ${email} (${password.length}): ${status} ${JSON.stringify(body)}`)
  return body as Readonly<Record<string, string>>
}

/** The code that the client is given at its address. */
export async function codeOf(
  port: number,
  login: Login,
): Promise<{ readonly code: string; readonly verifier: string }> {
  const { slug, email, password } = login
  const { verifier, fields } = authorization(login)
  const consent = await send(port, formCall(`/${slug}/auth/login`, { ...fields, email, password }))
  const allowed = await allow(port, slug, consent)
  return { code: allowed.searchParams.get('code') ?? '', verifier }
}

/** Says yes on a consent page. */
export async function allow(port: number, slug: string, consent: Answer): Promise<URL> {
  const fields = { ...hiddenFields(consent.body), decision: 'allow' }
  const response = await fetch(`http://127.0.0.1:${port}/${slug}/auth/consent`, {
    method: 'POST',
    body: new URLSearchParams(fields),
    redirect: 'manual',
  })
  const location = response.headers.get('location')
  await response.body?.cancel()
  if (location === null) throw new Error(`No way back to the client: ${response.status}`)
  return new URL(location)
}
