import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Tenancy } from '@tenantry/core'

/** One request, as the handler of a route sees it. */
export interface Exchange {
  /** Node's own objects, whatever the framework wraps them in. */
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
  /** What the framework's parser made of the body, on a route that has one. */
  readonly body?: unknown
}

/** A route of the probe application. */
export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /**
   * `none`: there is no body. `parsed`: the framework's JSON parser has read it, behind the door. `raw`
   * (`application/octet-stream`): nobody has, the handler listens to the events of `incoming`.
   */
  readonly body: 'none' | 'parsed' | 'raw'
  /** What it resolves to is sent in the framework's own way. What it rejects with goes to the framework's error handler. */
  handle(exchange: Exchange): Promise<string | Readable>
}

/** The application that the suite describes; the door stands in front of all of it. */
export interface Probe {
  /** To be given to the door. */
  readonly tenancy: Tenancy
  readonly routes: readonly Route[]
  /** Called by the framework's error handler, for errors that are not Tenantry's: the text to answer with status 500. */
  failed(error: unknown, incoming: IncomingMessage): string
}

/** A real HTTP server on 127.0.0.1 with the door under test. */
export interface Door {
  /** The package, for reports. */
  readonly name: string
  /** Of the framework. */
  readonly server?: string
  readonly port: number
  close(): Promise<void>
}

/** What the author of a door writes: starts the probe application behind the door. */
export type MakeDoor = (probe: Probe) => Promise<Door>
