import type { Response } from 'express'
import type { Page } from './pages.ts'

/** Sends a page with the policy that its brand needs, and no script at all. */
export function sendPage(response: Response, { status, body, policy }: Page): void {
  response
    .status(status)
    .set({
      'content-security-policy': policy,
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    .send(body)
}
