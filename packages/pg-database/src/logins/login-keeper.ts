import {
  type CredentialSource,
  type Credentials,
  isTenancyError,
  type Logger,
  type LoginTarget,
  TenancyError,
} from '@tenantry/core'
import { leaseEvent } from './lease-event.ts'
import type { LeaseNumbers } from './lease-numbers.ts'
import { revokeUntilDone } from './revoke-until-done.ts'

/** A login, and the connections that were opened with it. */
export interface Login {
  readonly credentials: Credentials
  /** Set when no more connections may be opened with it, and those that there are should close as soon as nobody uses them. */
  readonly retired: boolean
}

/** What is asked of the keeper's surroundings. */
export interface LoginKeeperTerms {
  readonly source: CredentialSource
  readonly target: LoginTarget
  /** Whether anybody needs a login: one that nobody needs is not renewed. */
  readonly needed: () => boolean
  /** Closes the connections of a login, each as soon as nobody uses it. */
  readonly retire: (login: Login) => void
  readonly logger: Logger
  readonly numbers: LeaseNumbers
}

/** Keeps one tenant's login good for as long as it is needed. */
export interface LoginKeeper {
  /** A login to open a connection with. @throws {TenancyError} `CREDENTIALS_UNAVAILABLE`, `CREDENTIALS_REFUSED` */
  take(): Promise<Login>
  /** The server did not take it. */
  rejected(login: Login): void
  opened(login: Login): void
  closed(login: Login): void
  /** Gives up all logins, and resolves when they are revoked, or some seconds later, while it is tried on. */
  end(): Promise<void>
}

interface Kept {
  credentials: Credentials
  retired: boolean
  connections: number
  timer: NodeJS.Timeout | undefined
  revoking: Promise<void> | undefined
}

/** Milliseconds that whoever gives up a tenant's logins waits for their revocation; after that it is tried on without them. */
const patience = 5_000
/** Of its life, after which a lease is renewed (threats D3). */
const renewAt = 2 / 3
/** Of its life, for which a lease must still hold to open a connection with it, if another can be had. */
const tooShort = 1 / 10

/**
 * A lease is renewed when two thirds of its life are over, by its source or else by another lease; connections of the old one close
 * as soon as nobody uses them, and then it is revoked. What fails is tried again until the lease has ended.
 */
export function loginKeeper({ source, target, needed, retire, logger, numbers }: LoginKeeperTerms): LoginKeeper {
  const all = new Set<Kept>()
  let current: Kept | undefined
  let issuing: Promise<Kept> | undefined
  let ended = false

  function isGood({ credentials: { expiresAt }, retired }: Kept): boolean {
    return !retired && (expiresAt === undefined || expiresAt - Date.now() > lifetime(expiresAt) * tooShort)
  }

  /** What remains is not what it had: the source says how long its leases live. */
  function lifetime(expiresAt: number): number {
    return source.lifetime ?? Math.max(0, expiresAt - Date.now())
  }

  async function take(): Promise<Login> {
    const known = current
    if (known !== undefined && isGood(known)) return known
    try {
      return await issueOnce()
    } catch (error) {
      // A lease that is nearly over is better than none, while nobody can be asked for another.
      if (known !== undefined && isUnavailable(error) && !known.retired && !isOver(known)) return known
      throw error
    }
  }

  function isOver({ credentials: { expiresAt } }: Kept): boolean {
    return expiresAt !== undefined && expiresAt <= Date.now()
  }

  function issueOnce(): Promise<Kept> {
    issuing ??= issue().finally(() => {
      issuing = undefined
    })
    return issuing
  }

  async function issue(): Promise<Kept> {
    const credentials = await asked(() => source.issue(target))
    const kept: Kept = { credentials, retired: false, connections: 0, timer: undefined, revoking: undefined }
    all.add(kept)
    numbers.issued += 1
    if (ended) {
      drop(kept)
      throw new TenancyError('SCOPE_CLOSED', { what: "The tenant's login" })
    }
    const before = current
    current = kept
    if (before !== undefined) drop(before)
    watch(kept)
    return kept
  }

  /** Errors of a source of the user's own could hold anything. */
  async function asked<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (isTenancyError(error)) throw error
      throw new TenancyError('CREDENTIALS_UNAVAILABLE', { source: source.name, reason: 'it failed' })
    }
  }

  function watch(kept: Kept): void {
    const { expiresAt } = kept.credentials
    if (expiresAt === undefined) return
    const left = expiresAt - Date.now()
    // Not all at the same time, or a thousand tenants that were opened together would be renewed together.
    after(kept, left * renewAt * (0.9 + Math.random() * 0.1), () => void renew(kept))
  }

  function after(kept: Kept, milliseconds: number, work: () => void): void {
    clearTimeout(kept.timer)
    kept.timer = setTimeout(work, Math.min(milliseconds, 2 ** 31 - 1))
    kept.timer.unref()
  }

  async function renew(kept: Kept): Promise<void> {
    if (kept !== current || kept.retired || ended) return
    if (!needed()) {
      current = undefined
      drop(kept)
      return
    }
    try {
      const longer = await source.renew?.(kept.credentials, target)
      if (longer === undefined) {
        await issueOnce()
      } else {
        numbers.renewed += 1
        kept.credentials = longer
        watch(kept)
      }
    } catch (error) {
      numbers.renewalsFailed += 1
      logger.warn(
        leaseEvent('renewal', kept.credentials, { source, target }, error),
        'A lease could not be renewed; it is tried again.',
      )
      retry(kept)
    }
  }

  /** Until it ends: then nothing is done with it any more, whether or not the server would let it. */
  function retry(kept: Kept): void {
    const left = (kept.credentials.expiresAt ?? Infinity) - Date.now()
    if (left > 20) {
      after(kept, (left / 4) * (0.5 + Math.random()), () => void renew(kept))
      return
    }
    if (current === kept) current = undefined
    drop(kept)
  }

  /** No more connections with it; it is revoked once the last one is closed. */
  function drop(kept: Kept): void {
    if (kept.retired) return
    kept.retired = true
    clearTimeout(kept.timer)
    retire(kept)
    if (kept.connections === 0) void revoke(kept)
  }

  function revoke(kept: Kept): Promise<void> {
    kept.revoking ??= revokeUntilDone(kept.credentials, { source, target, logger, numbers }).finally(() =>
      all.delete(kept),
    )
    return kept.revoking
  }

  // A login is what the keeper has made.
  const keptOf = (login: Login) => login as Kept

  return {
    take,
    rejected(login) {
      if (current === login) current = undefined
      drop(keptOf(login))
    },
    opened(login) {
      keptOf(login).connections += 1
    },
    closed(login) {
      const kept = keptOf(login)
      kept.connections -= 1
      if (kept.retired && kept.connections === 0) void revoke(kept)
    },
    async end() {
      ended = true
      current = undefined
      for (const kept of all) drop(kept)
      await issuing?.catch(() => undefined)
      const revoking = Promise.all([...all].map(kept => (kept.connections === 0 ? revoke(kept) : undefined)))
      let timer: NodeJS.Timeout | undefined
      const enough = new Promise<void>(resolve => {
        timer = setTimeout(resolve, patience)
      })
      await Promise.race([revoking, enough])
      clearTimeout(timer)
    },
  }
}

function isUnavailable(error: unknown): boolean {
  return isTenancyError(error) && error.code === 'CREDENTIALS_UNAVAILABLE'
}
