import type { Fault, SeenMessage } from './fault-rules.ts'
import { type FaultProxy, type ProxyTarget, startFaultProxy } from './start-fault-proxy.ts'

/** One message of a script: the nth that its sender sends on its connection, from 1. */
export interface MessagePlace extends SeenMessage {
  readonly nth: number
}

/** One run of the script with a fault at one message. */
export interface Replay<T> {
  readonly at: MessagePlace
  /** How the script ended. */
  readonly outcome:
    | { readonly status: 'fulfilled'; readonly value: T }
    | { readonly status: 'rejected'; reason: unknown }
}

/** What {@link atEveryMessage} needs. */
export interface EveryMessageOptions<T> {
  readonly target: ProxyTarget | string
  /** Default `'cut'`. */
  readonly fault?: Exclude<Fault, 'hold'>
  /**
   * The exchange. It ends the connections it opens, also when it fails, and does the same at every run: what it left in the
   * database at one run must not change the next. It may reject when a fault strikes, never hang.
   */
  script(proxy: FaultProxy): Promise<T>
  /** Looks, past the proxy, whether everything is as it may be after that fault. */
  after?(replay: Replay<T>): Promise<void> | void
  /** Milliseconds that one run may take. Default 10,000. */
  readonly limitMs?: number
}

const titleOf = ({ connection, on, message, nth }: MessagePlace) =>
  `${on} message ${nth} (${message}) of connection ${connection}`

const within = async <T>(limitMs: number, what: string, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The script hung: not done ${limitMs} ms after ${what}.`)), limitMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Runs a script once to learn its messages, then once more for each of them with a fault there (Citus' lesson: at every
 * message, not at random ones).
 *
 * @returns The replays, in the order of the messages.
 * @throws Error when a run hangs, when the script does not repeat itself, or as `script` (without a fault) or `after` throws.
 * @example
 * await atEveryMessage({
 *   target: runtimeUrl,
 *   fault: 'reset',
 *   script: proxy => transfer(proxy.url(runtimeUrl)),
 *   after: async ({ at }) => assert.equal(await total(adminUrl), 100, at.message),
 * })
 */
export const atEveryMessage = async <T>(options: EveryMessageOptions<T>): Promise<Replay<T>[]> => {
  const { target, fault = 'cut', script, after, limitMs = 10_000 } = options
  const places: MessagePlace[] = []
  const sent = new Map<string, number>()
  const note = (seen: SeenMessage) => {
    const sender = `${seen.connection} ${seen.on}`
    const nth = (sent.get(sender) ?? 0) + 1
    sent.set(sender, nth)
    places.push({ ...seen, nth })
  }

  const dry = await startFaultProxy({ target, onMessage: note })
  try {
    await within(limitMs, 'its start, without a fault', script(dry))
  } finally {
    await dry.close()
  }
  if (places.length === 0) throw new Error('The script sent nothing through the proxy.')

  const replays: Replay<T>[] = []
  for (const at of places) {
    const { connection, on, nth } = at
    const struck: SeenMessage[] = []
    let arrived = 0
    const proxy = await startFaultProxy({
      target,
      onMessage: seen => {
        if (seen.connection === connection && seen.on === on && ++arrived === nth) struck.push(seen)
      },
    })
    proxy.rule({ on, message: 'any', connection, nth, fault })
    try {
      const [outcome] = await within(limitMs, titleOf(at), Promise.allSettled([script(proxy)]))
      if (struck[0]?.message !== at.message) {
        const instead = struck[0] ? `a ${struck[0].message}` : 'nothing'
        throw new Error(`The script does not repeat itself: ${instead} instead of ${titleOf(at)}.`)
      }
      const replay = { at, outcome }
      replays.push(replay)
      await after?.(replay)
    } finally {
      await proxy.close()
    }
  }
  return replays
}
