/** A stamp that was signed for a tenant on a connection, and how old the connection's answer was then, in milliseconds. */
interface KeptStamp {
  readonly token: string
  readonly age: number
}

// Milliseconds for which a stamp is used again. It is a small part of the seconds for which one holds (see seal.ts), so that
// what is left of them is still enough for a statement that waits on its way.
const usedFor = 500

// Stamps kept at most: connections times the tenants that one of them serves within the time above. A stamp has 108 characters.
const most = 5_000

/**
 * Stamps that are used again for half a second, since to sign one costs more than all else that a scoped statement adds in this
 * process. No stamp holds longer for it: its end is fixed when it is signed.
 */
export class KeptStamps {
  #stamps = new Map<string, KeptStamp>()

  /**
   * The stamp for a tenant on a connection.
   *
   * @param answer - what the connection said of itself, in a fixed number of characters, so that no two pairs make one key.
   * @param age - milliseconds since it said so.
   */
  take(answer: string, tenant: string, age: number, sign: () => string): string {
    const key = answer + tenant
    const kept = this.#stamps.get(key)
    if (kept !== undefined && age >= kept.age && age - kept.age < usedFor) return kept.token
    const token = sign()
    // All at once: whatever is thrown away costs one signature each, and half a second later all would be stale anyway.
    if (this.#stamps.size >= most) this.#stamps.clear()
    this.#stamps.set(key, { token, age })
    return token
  }

  /** Forgets them all: they were signed with a key that may not be the one any more. */
  clear(): void {
    this.#stamps.clear()
  }
}
