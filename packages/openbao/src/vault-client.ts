import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenbaoSettings } from './check-options.ts'
import { exchange, type VaultAnswer, type VaultRequest } from './exchange.ts'
import { unavailable } from './failures.ts'
import { stateOf, type VaultState } from './health.ts'

/** Speaks HTTP with OpenBAO, with patience where that is safe. */
export interface VaultClient {
  /**
   * The answer, when it is about the request: 2xx, 400, 403, 404, 405.
   *
   * @param repeatable - whether doing it twice is the same as once. If not, it is sent again only where it cannot have been done.
   * @throws {TenancyError} `CREDENTIALS_UNAVAILABLE` when patience has ended.
   */
  ask(request: VaultRequest, repeatable: boolean): Promise<VaultAnswer>
  /** What the node is, asked once and without a token. @throws {TenancyError} `CREDENTIALS_UNAVAILABLE` */
  state(): Promise<VaultState>
}

const attempts = 4
/** The longest wait, in milliseconds, for a request that somebody waits for. */
const patience = 2_000

// The server has refused before it did anything: too many requests, or a node that lags behind (Vault, "Vault eventual consistency").
const refusedUndone = new Set([412, 429])

/** A client for one address. Opens nothing that has to be closed. */
export function vaultClient(settings: OpenbaoSettings): VaultClient {
  async function state() {
    // Restricted to the root namespace by OpenBAO ("/sys/health"), and asked without a token.
    const answer = await exchange(settings, { method: 'GET', path: 'sys/health', namespaced: false })
    if ('silence' in answer) throw unavailable(`GET sys/health: ${answer.silence}`)
    return stateOf(answer.status)
  }

  async function whyUnavailable(status: number): Promise<string> {
    if (status !== 503) return `it answers ${status}`
    return state().then(
      ({ usable, description }) => (usable ? 'it answers 503' : description),
      () => 'it answers 503',
    )
  }

  return {
    state,
    async ask(request, repeatable) {
      for (let attempt = 1; ; attempt++) {
        const answer = await exchange(settings, request)
        const place = `${request.method} ${request.path}`
        const silent = 'silence' in answer
        if (!silent && answer.status < 500 && !refusedUndone.has(answer.status)) return answer
        const undone = silent ? !answer.sent : refusedUndone.has(answer.status)
        // A rate limit rounds its seconds down, to 0 as well (OpenBAO, "Resource quotas").
        const wait = Math.max((silent ? undefined : answer.retryAfter) ?? 0, backoff(attempt))
        if (attempt === attempts || wait > patience || !(repeatable || undone)) {
          throw unavailable(`${place}: ${silent ? answer.silence : await whyUnavailable(answer.status)}`)
        }
        await sleep(wait)
      }
    },
  }
}

/** Doubles, and differs between processes, so that they do not come back all at once. */
function backoff(attempt: number): number {
  return 100 * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)
}
