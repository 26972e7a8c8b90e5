import { randomBytes } from 'node:crypto'
import type { DatabaseEngine, Revocation } from './database-engine.ts'

export interface Lease {
  readonly id: string
  readonly namespace: string
  readonly token: string
  readonly role: string
  readonly username: string
  readonly revocation: Revocation
  readonly maximumEnd: number
  readonly engine: DatabaseEngine
  endsAt: number
}

export interface LeaseStore {
  issue(
    place: Pick<Lease, 'namespace' | 'token' | 'role' | 'engine'> & { readonly mount: string },
  ): Promise<{ lease: Lease; username: string; password: string }>
  find(id: string): Lease | undefined
  renew(lease: Lease, increment: number): Promise<number>
  revoke(lease: Lease): Promise<void>
  under(prefix: string, namespace: string): readonly Lease[]
  ofToken(token: string): readonly Lease[]
  /** Waits for what is being revoked. Leases stay as they are. */
  close(): Promise<void>
}

const seconds = (value: unknown) => Number(value ?? 0) * 1000

/** Leases that end by timer, as OpenBAO's do. A revocation that fails is tried again. */
export function leaseStore(): LeaseStore {
  const leases = new Map<string, Lease>()
  const timers = new Map<string, NodeJS.Timeout>()
  const underWay = new Map<string, Promise<void>>()

  function endLater(lease: Lease, delay = lease.endsAt - Date.now()): void {
    clearTimeout(timers.get(lease.id))
    const end = () => void revoke(lease).catch(() => endLater(lease, 500))
    timers.set(lease.id, setTimeout(end, delay).unref())
  }

  /** One at a time for each lease. */
  function revoke(lease: Lease): Promise<void> {
    const running = underWay.get(lease.id)
    if (running) return running
    const work = (async () => {
      if (!leases.has(lease.id)) return
      await lease.engine.revokeLogin(lease.role, lease.username, lease.revocation)
      clearTimeout(timers.get(lease.id))
      leases.delete(lease.id)
    })().finally(() => underWay.delete(lease.id))
    underWay.set(lease.id, work)
    return work
  }

  return {
    async issue({ mount, namespace, token, role, engine }) {
      const fields = engine.roles.get(role)
      const now = Date.now()
      const endsAt = now + seconds(fields?.default_ttl)
      const { username, password, revocation } = await engine.createLogin(role, endsAt)
      const suffix = namespace === '' ? '' : `.${Buffer.from(namespace).toString('hex').slice(0, 5)}`
      const id = `${mount}/creds/${role}/${randomBytes(15).toString('hex')}${suffix}`
      const maximumEnd = now + seconds(fields?.max_ttl)
      const lease: Lease = { id, namespace, token, role, username, revocation, maximumEnd, engine, endsAt }
      leases.set(id, lease)
      endLater(lease)
      return { lease, username, password }
    },
    find: id => leases.get(id),
    async renew(lease, increment) {
      lease.endsAt = Math.min(Date.now() + increment, lease.maximumEnd)
      await lease.engine.extendLogin(lease.role, lease.username, lease.endsAt)
      endLater(lease)
      return Math.round((lease.endsAt - Date.now()) / 1000)
    },
    revoke,
    under: (prefix, namespace) =>
      [...leases.values()].filter(lease => lease.namespace === namespace && lease.id.startsWith(`${prefix}/`)),
    ofToken: token => [...leases.values()].filter(lease => lease.token === token),
    async close() {
      for (const timer of timers.values()) clearTimeout(timer)
      await Promise.allSettled(underWay.values())
    },
  }
}
