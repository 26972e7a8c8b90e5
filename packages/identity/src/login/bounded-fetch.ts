import type { CustomFetch } from 'openid-client'

/** Bytes that an answer of a provider may have: metadata, key sets and tokens are far below. */
const longest = 1_048_576

/** Asks as `ask` does, and reads no more than 1 MiB: providers are chosen by tenants. Never follows a redirect. */
export function boundedFetch(ask: typeof fetch): CustomFetch {
  return async (url, options) => {
    const answer = await ask(url, { ...(options as RequestInit), redirect: 'manual' })
    const { status, statusText, headers } = answer
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of answer.body ?? []) {
      size += chunk.byteLength
      if (size > longest) throw new TypeError('the answer is too long')
      chunks.push(chunk)
    }
    // A response of these has no body (Fetch standard, null body status).
    const isNull = [101, 204, 205, 304].includes(status)
    const read = new Response(isNull ? null : Buffer.concat(chunks), { status, statusText, headers })
    // openid-client compares it with what it has asked for.
    Object.defineProperty(read, 'url', { value: answer.url })
    return read
  }
}
