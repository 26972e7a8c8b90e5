import type { Logger } from '@tenantry/core'
import type { ClientToken, TokenMaker } from './client-token.ts'
import type { VaultAnswer, VaultRequest } from './exchange.ts'
import { refused, sourceName, unavailable } from './failures.ts'
import type { VaultClient } from './vault-client.ts'

/** Asks OpenBAO as somebody, and stays somebody. */
export interface VaultSession {
  /**
   * A token that is valid now; renewed first when it would end before `until` and has not just been renewed.
   *
   * @throws {TenancyError} `CREDENTIALS_REFUSED`, `CREDENTIALS_UNAVAILABLE`
   */
  token(until?: number): Promise<ClientToken>
  /**
   * The answer, and whose token it was given to. A 403 for a token that has ended is asked again with a new one.
   *
   * @throws {TenancyError} `CREDENTIALS_REFUSED` when it stays 403; `CREDENTIALS_UNAVAILABLE`
   */
  ask(request: VaultRequest, repeatable: boolean, until?: number): Promise<{ answer: VaultAnswer; token: ClientToken }>
  /** Stops renewing; revokes the tokens that it made, if any. Idempotent, never throws. */
  close(): Promise<void>
}

/** The longest that a timer of Node runs. */
const longestTimer = 2 ** 31 - 1

/** A session; the first request opens it. */
export function vaultSession(client: VaultClient, maker: TokenMaker, logger: Logger): VaultSession {
  let held: ClientToken | undefined
  let opening: Promise<ClientToken> | undefined
  let renewing: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let closing: Promise<void> | undefined
  // Leases live on with the token that they were issued to, so that one that is replaced goes on to its own end.
  let replaced: ClientToken[] = []

  /** One at a time; a token that somebody else has replaced meanwhile is not replaced again. */
  async function replace(old: ClientToken | undefined): Promise<ClientToken> {
    if (closing) throw unavailable('it is closed')
    if (held && held.secret !== old?.secret) return held
    opening ??= maker.open().finally(() => {
      opening = undefined
    })
    const fresh = await opening
    if (held && held.secret !== fresh.secret) {
      replaced = [...replaced.filter(token => token.endsAt > Date.now()), held]
    }
    hold(fresh)
    return fresh
  }

  function hold(token: ClientToken): void {
    held = token
    const rest = token.endsAt - Date.now()
    schedule(token.since + ((token.endsAt - token.since) * 2) / 3 - Date.now(), rest)
  }

  function schedule(delay: number, rest: number): void {
    clearTimeout(timer)
    if (closing || !Number.isFinite(rest)) return
    timer = setTimeout(() => void keepUp(), Math.min(Math.max(delay, 200), longestTimer))
    timer.unref()
  }

  /** Renews the token, or gets another where that does not help. Single flight; never throws. */
  function keepUp(): Promise<void> {
    renewing ??= renewOrReplace().finally(() => {
      renewing = undefined
    })
    return renewing
  }

  async function renewOrReplace(): Promise<void> {
    const token = held
    if (!token) return
    try {
      const renewed = token.renewable ? await maker.renew(token) : undefined
      if (held?.secret !== token.secret) return
      const nearMaximum = !renewed || renewed.endsAt - renewed.since < token.firstLasts / 2
      if (renewed) hold(renewed)
      if (!nearMaximum) return
      if (maker.again) await replace(token)
      else if (!renewed)
        logger.warn({ source: sourceName, endsAt: token.endsAt }, 'The token of OpenBAO ends, and is not renewed.')
    } catch (error) {
      logger.warn({ source: sourceName, error: messageOf(error) }, 'The token of OpenBAO could not be renewed.')
      const rest = token.endsAt - Date.now()
      if (held?.secret === token.secret && rest > 0) schedule(rest / 3, rest)
    }
  }

  async function token(until = 0): Promise<ClientToken> {
    if (closing) throw unavailable('it is closed')
    if (!held || held.endsAt <= Date.now()) return replace(held)
    const { since, endsAt, renewable } = held
    if (endsAt < until && renewable && Date.now() - since > (endsAt - since) / 10) await keepUp()
    return held
  }

  return {
    token,
    async ask(request, repeatable, until) {
      const first = await token(until)
      const answer = await client.ask({ ...request, token: first.secret }, repeatable)
      if (answer.status !== 403) return { answer, token: first }
      const place = `${request.method} ${request.path}`
      // A policy that forbids it is no reason for a new token, which would leave all leases behind with the old one.
      if (await maker.isAlive(first)) throw refused(`${place} answers 403: no policy of the token allows it`)
      if (!maker.again) throw refused(`${place} answers 403: the token is expired or revoked`)
      const second = await replace(first)
      const again = await client.ask({ ...request, token: second.secret }, repeatable)
      if (again.status === 403) throw refused(`${place} answers 403, also after a new login`)
      return { answer: again, token: second }
    },
    close() {
      closing ??= end()
      return closing
    },
  }

  async function end(): Promise<void> {
    clearTimeout(timer)
    const late = await opening?.catch(() => undefined)
    await renewing
    if (!maker.again) return
    const all = [...replaced, held, late === held ? undefined : late].filter(made => made !== undefined)
    const live = new Map(all.filter(({ endsAt }) => endsAt > Date.now()).map(made => [made.secret, made]))
    for (const made of live.values()) {
      await maker.revoke(made).catch((error: unknown) => {
        logger.warn(
          { source: sourceName, error: messageOf(error) },
          'A token of OpenBAO could not be revoked; it ends by itself.',
        )
      })
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown'
}
