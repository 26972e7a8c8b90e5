import { containOpenbao, dockerEngine } from '@tenantry/servers'
import { startOpenbaoDouble } from './openbao-double/start-openbao-double.ts'

/** An OpenBAO that a test may do everything with. */
export interface UsedOpenbao {
  readonly address: string
  readonly rootToken: string
  /** How it reaches what this process reaches at this place. */
  reach(host: string, port: number): { readonly host: string; readonly port: number }
  stop(): Promise<void>
}

/** One that can be had here, and what it is, for the names of tests. */
export interface AvailableOpenbao {
  readonly title: string
  start(postgresPort: number): Promise<UsedOpenbao>
}

const asHere = (host: string, port: number) => ({ host, port })
const nothing = () => Promise.resolve()

/**
 * The server of `VAULT_ADDR` and `VAULT_TOKEN`, else a container, else the double of this folder.
 *
 * `TENANTRY_PG_FROM_VAULT=host:port` says how the server of `VAULT_ADDR` reaches Postgres, where that differs.
 */
export async function whichOpenbao(env = process.env): Promise<AvailableOpenbao> {
  const { VAULT_ADDR: address, VAULT_TOKEN: rootToken, TENANTRY_PG_FROM_VAULT: place } = env
  if (address) {
    if (!rootToken) throw new Error('VAULT_ADDR needs VAULT_TOKEN: a token that may mount engines and write policies.')
    const [host = '', port = ''] = place?.split(/:(?=\d+$)/) ?? []
    const reach = place ? () => ({ host, port: Number(port) }) : asHere
    return { title: 'the server of VAULT_ADDR', start: async () => ({ address, rootToken, reach, stop: nothing }) }
  }
  if (await dockerEngine(env)) {
    return {
      title: 'a container of openbao/openbao',
      start: async postgresPort => {
        const { hostFromInside, ...openbao } = await containOpenbao([postgresPort])
        return { ...openbao, reach: (_, port) => ({ host: hostFromInside, port }) }
      },
    }
  }
  return {
    title: 'a double of its HTTP API, no OpenBAO',
    start: async () => {
      const { address: at, rootToken: token, close } = await startOpenbaoDouble()
      return { address: at, rootToken: token, reach: asHere, stop: close }
    },
  }
}
