import { hasDuplicateMembers, TenancyError } from '@tenantry/core'

/** Bytes that a body of a request may have; those that are read here are small. */
const longest = 16_384

/**
 * The fields of a body: a JSON object, or a form.
 *
 * @returns an empty object for an empty body.
 * @throws {TenancyError} `REQUEST_INVALID` for any other, one of more than 16 KiB, and fields that are no text or stand twice.
 */
export async function bodyFields(request: Request): Promise<Readonly<Record<string, string>>> {
  const bad = (rule: string) => new TenancyError('REQUEST_INVALID', { field: 'body', rule })
  const text = await bodyText(request, bad)
  if (text === '') return {}
  const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type === 'application/x-www-form-urlencoded') return singleFields(new URLSearchParams(text), 'body')
  if (type !== 'application/json') throw bad('must be JSON or a form')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw bad('must be JSON')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('must be a JSON object')
  if (hasDuplicateMembers(text)) throw bad('must name each field once')
  const entries = Object.entries(value)
  if (!entries.every(([, field]) => typeof field === 'string')) throw bad('must have fields of text only')
  return Object.freeze(Object.fromEntries(entries))
}

/** @throws {TenancyError} `REQUEST_INVALID` for a name that stands twice: two readers may take another one of them. */
export function singleFields(given: URLSearchParams, field: string): Readonly<Record<string, string>> {
  const names = [...given.keys()]
  if (new Set(names).size < names.length)
    throw new TenancyError('REQUEST_INVALID', { field, rule: 'must name each field once' })
  return Object.freeze(Object.fromEntries(given))
}

async function bodyText(request: Request, bad: (rule: string) => TenancyError): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength
    if (size > longest) throw bad(`must be at most ${longest} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
