import { createLocalJWKSet, errors, type JSONWebKeySet } from 'jose'
import type { KeyFinder } from './issuer-keys.ts'

/** Where a key set is fetched, and for how long it is enough. */
export interface RemoteKeysOptions {
  readonly url: URL
  /** Milliseconds for which known keys are used beyond their time while the issuer cannot be asked. */
  readonly outage: number
  /** Reads what was fetched. Throws for what is no set of public keys. */
  readonly read: (answer: unknown) => JSONWebKeySet
}

/** Milliseconds. */
const times = {
  /** A set is enough for so long: a key that is taken away is good no longer. */
  age: 600_000,
  /** A key that nobody knows is not looked for again for so long after an answer, so that whoever invents names makes nobody ask. */
  rest: 30_000,
  /** Between two questions, when there was no answer. */
  pause: 1_000,
  patience: 5_000,
}

interface KeySet {
  readonly find: KeyFinder
  readonly at: number
}

/**
 * Keys behind an address. One question at a time, for all that wait. While the issuer is down, what is known goes on being used, without
 * waiting, and a key that is not known is nobody's fault.
 *
 * @returns a finder that throws any error but those of a token when the keys cannot be had.
 */
export function remoteKeys({ url, outage, read }: RemoteKeysOptions): KeyFinder {
  let known: KeySet | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  let isDown = false
  let question: Promise<KeySet> | undefined

  /** A clock that was set back counts as late: nothing must be good until it has caught up. */
  const isPast = (at: number, span: number) => !(Date.now() >= at && Date.now() - at < span)

  function ask(): Promise<KeySet> {
    if (question !== undefined) return question
    if (isDown && !isPast(askedAt, times.pause)) return Promise.reject(new Error('It was asked a moment ago.'))
    askedAt = Date.now()
    question = fetchSet()
      .then(set => {
        isDown = false
        known = set
        return set
      })
      .catch((error: unknown) => {
        isDown = true
        throw error
      })
      .finally(() => {
        question = undefined
      })
    return question
  }

  async function fetchSet(): Promise<KeySet> {
    const at = Date.now()
    // A redirect would lead to whoever can write one.
    const signal = AbortSignal.timeout(times.patience)
    const answer = await fetch(url, {
      redirect: 'manual',
      signal,
      headers: { accept: 'application/jwk-set+json, application/json' },
    })
    if (answer.status !== 200) throw new Error('It did not answer with 200.')
    return { find: createLocalJWKSet(read(await answer.json())), at }
  }

  async function current(): Promise<KeySet> {
    const set = known
    if (set !== undefined && !isPast(set.at, times.age)) return set
    if (set === undefined || isPast(set.at, times.age + outage)) return ask()
    const fresh = ask()
    // Whoever comes while it is known to be down does not wait for another attempt, whose end the next one learns of.
    if (isDown) {
      fresh.catch(() => undefined)
      return set
    }
    return fresh.catch(() => set)
  }

  return async (header, token) => {
    const set = await current()
    try {
      return await set.find(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      if (!isDown && !isPast(set.at, times.rest)) throw error
      return (await ask()).find(header, token)
    }
  }
}
