import pg from 'pg'

/** Hands on clients that somebody else opens. */
export interface ClientHooks {
  /** Before it connects. */
  opening?(client: pg.Client): void
  /** When it has connected, before it is used. */
  opened?(client: pg.Client): void
}

/** The connected clients of an application. */
export interface ClientWatch {
  readonly clients: ReadonlySet<pg.Client>
  stop(): void
}

type Connect = (this: pg.Client) => Promise<unknown>

/**
 * Watches clients that are opened where nobody else sees them: every client of this process that connects by promise and calls itself
 * so, to the server.
 */
export function watchClients(applicationName: string, { opening, opened }: ClientHooks = {}): ClientWatch {
  const clients = new Set<pg.Client>()
  const prototype = pg.Client.prototype as unknown as { connect: Connect }
  const { connect } = prototype
  prototype.connect = async function (...args) {
    const { connectionParameters } = this as unknown as { connectionParameters: { application_name?: string } }
    const isOurs = connectionParameters.application_name === applicationName
    if (!isOurs) return connect.apply(this, args)
    opening?.(this)
    this.once('end', () => void clients.delete(this))
    const result = await connect.apply(this, args)
    opened?.(this)
    clients.add(this)
    return result
  }
  return {
    clients,
    stop() {
      prototype.connect = connect
    },
  }
}
