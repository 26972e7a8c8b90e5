/** Answers a request: the shape of the Fetch standard, which every server can be given. */
export type FetchHandler = (request: Request) => Promise<Response>
