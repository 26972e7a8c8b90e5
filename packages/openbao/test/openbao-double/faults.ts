import type { IncomingMessage, ServerResponse } from 'node:http'

/** What is done to a request instead of answering it. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** Faults that are waiting for a request. */
export interface Faults {
  /** Strikes the next requests whose `METHOD path` fits. */
  on(place: RegExp, fault: Fault, times?: number): void
  /** The fault that this request is struck by. */
  strike(place: string): Fault | undefined
  clear(): void
}

export function faultList(): Faults {
  let waiting: { readonly place: RegExp; readonly fault: Fault; times: number }[] = []
  return {
    on: (place, fault, times = 1) => {
      waiting.push({ place, fault, times })
    },
    strike(place) {
      const found = waiting.find(entry => entry.times > 0 && entry.place.test(place))
      if (found) found.times--
      return found?.fault
    },
    clear: () => {
      waiting = []
    },
  }
}

/** Answers this. */
export const answers =
  (status: number, body: string | object = { errors: [] }, headers: Readonly<Record<string, string>> = {}): Fault =>
  (_, response) => {
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))
  }

/** Cuts the connection. */
export const resets: Fault = request => {
  request.socket.destroy()
}

/** Never answers. */
export const hangs: Fault = () => undefined
