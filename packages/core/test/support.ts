import { expect } from 'vitest'
import { type ErrorCode, isTenancyError, type Logger, type RequestView, type TenancyError } from '../src/index.ts'

/** A request as a resolver sees it. */
export function request(target = '/', headers: Readonly<Record<string, string | readonly string[]>> = {}): RequestView {
  return { target, header: name => [headers[name] ?? []].flat() }
}

/** A logger that keeps what it is told. */
export function recorder(): Logger & { readonly records: { level: string; details: object; message: string }[] } {
  const records: { level: string; details: object; message: string }[] = []
  const keep = (level: string) => (details: object, message: string) => void records.push({ level, details, message })
  return { records, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') }
}

/** The error that `fn` throws or rejects with, which must be of this code. */
export async function refusal<C extends ErrorCode>(code: C, fn: () => unknown): Promise<TenancyError<C>> {
  let result: unknown
  try {
    result = await fn()
  } catch (error) {
    if (!isTenancyError(error)) throw error
    expect(error.code).toBe(code)
    return error as TenancyError<C>
  }
  throw new Error(`Expected ${code}, got ${JSON.stringify(result)}`)
}

/** A promise that is settled from outside: lets a test decide who goes first. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}

/** Resolves for everyone once `size` have arrived, so that all of them are inside at the same time. */
export function barrier(size: number): () => Promise<void> {
  const all = gate()
  let arrived = 0
  return () => {
    arrived += 1
    if (arrived === size) all.open()
    return all.opened
  }
}
