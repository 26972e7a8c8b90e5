import type { Secret } from '@tenantry/core'
import type { OpenbaoSettings } from './check-options.ts'

/** A request of the HTTP API, <https://openbao.org/api-docs/>. */
export interface VaultRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below `/v1/`. Named in errors, so never secret. */
  readonly path: string
  readonly body?: object
  readonly token?: Secret
  /** Whether it is about the namespace. Not so for `sys/health`, which answers 400 in any but the root. Default true. */
  readonly namespaced?: boolean
}

/** What was answered. */
export interface VaultAnswer {
  readonly status: number
  /** The JSON; `undefined` where there is none. May hold a password: not for errors and logs. */
  readonly body: unknown
  /** Milliseconds of `Retry-After` (RFC 9110 section 10.2.3). */
  readonly retryAfter: number | undefined
}

/** Why there is no answer, and whether the request may have been done. */
export interface VaultSilence {
  readonly silence: string
  readonly sent: boolean
}

/** Far above what the calls made here are answered; a proxy's error page may be anything. */
const maximalBody = 65_536

/** One request and its answer within the timeout, body included. Never throws. */
export async function exchange(settings: OpenbaoSettings, request: VaultRequest): Promise<VaultAnswer | VaultSilence> {
  // One deadline for the redirect, too.
  const signal = AbortSignal.timeout(settings.timeout)
  try {
    const first = await send(settings, request, new URL(settings.address).origin, signal)
    if (![301, 302, 307, 308].includes(first.status)) return await answerOf(first, request)
    await first.body?.cancel()
    const location = first.headers.get('location') ?? ''
    const origin = URL.canParse(location) ? new URL(location).origin : undefined
    if (origin === undefined || !settings.origins.has(origin)) {
      return { silence: 'a standby sends to an address that `nodes` does not name', sent: false }
    }
    const second = await send(settings, request, origin, signal)
    return await answerOf(second, request)
  } catch (error) {
    return silenceOf(error, settings.timeout)
  }
}

function send(
  { namespace, fetch }: OpenbaoSettings,
  { method, path, body, token, namespaced = true }: VaultRequest,
  origin: string,
  signal: AbortSignal,
): Promise<Response> {
  const headers: Record<string, string> = {
    accept: 'application/json',
    // What an agent or proxy may insist on, against forged requests (HTTP API, "The X-Vault-Request header").
    'x-vault-request': 'true',
  }
  if (body) headers['content-type'] = 'application/json'
  if (namespace !== undefined && namespaced) headers['x-vault-namespace'] = namespace
  if (token) headers['x-vault-token'] = token.reveal()
  // Followed by hand: `fetch` would take the token to whichever host the answer names.
  const init: RequestInit = { method, headers, redirect: 'manual', signal }
  return fetch(`${origin}/v1/${path}`, body ? { ...init, body: JSON.stringify(body) } : init)
}

async function answerOf(response: Response, { path }: VaultRequest): Promise<VaultAnswer | VaultSilence> {
  const text = await boundedText(response)
  if (text === undefined) return { silence: 'the answer is too long', sent: true }
  const { status } = response
  const body = parse(text)
  if (status >= 300 && status < 400) return { silence: 'it redirects twice', sent: false }
  // An error page of a proxy need not be JSON; `sys/health` says all by its status.
  if (status < 300 && text !== '' && body === undefined && path !== 'sys/health') {
    return { silence: 'the answer is not JSON', sent: true }
  }
  return { status, body, retryAfter: millisecondsOf(response.headers.get('retry-after')) }
}

async function boundedText({ body }: Response): Promise<string | undefined> {
  if (!body) return ''
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  // Leaving the loop cancels the rest.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > maximalBody) return undefined
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function millisecondsOf(retryAfter: string | null): number | undefined {
  if (retryAfter === null) return undefined
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1000
  const date = Date.parse(retryAfter)
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now())
}

/** Only the code of an error is told: its message may quote a header. */
function silenceOf(error: unknown, timeout: number): VaultSilence {
  if (error instanceof Error && error.name === 'TimeoutError') {
    return { silence: `no answer within ${timeout} ms`, sent: true }
  }
  const code = codeOf(error)
  // Before a connection stands, nothing can have been done.
  const sent = !['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'UND_ERR_CONNECT_TIMEOUT'].includes(code)
  return { silence: code, sent }
}

function codeOf(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string' && /^[A-Z][A-Z0-9_]{2,60}$/.test(at.code)) return at.code
  }
  return 'the connection failed'
}
