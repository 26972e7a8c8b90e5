import type { RequestHandler } from 'express'

/** There is nothing here, and nothing behind. */
export const notFound: RequestHandler = (_request, response) => {
  response.status(404).json({ title: 'Not found.' })
}
