/** What a node is. */
export interface VaultState {
  /** Whether requests to it are done, by itself or by the active node, to which a standby forwards them. */
  readonly usable: boolean
  readonly description: string
}

const usable = (description: string): VaultState => ({ usable: true, description })
const useless = (description: string): VaultState => ({ usable: false, description })

// OpenBAO's "/sys/health" knows 200, 429, 501 and 503; Vault's page of that name the others.
const states: Readonly<Record<number, VaultState>> = {
  200: usable('it is active'),
  429: usable('it is a standby'),
  472: useless('it is a secondary for disaster recovery'),
  473: usable('it is a performance standby'),
  474: useless('it is a standby that cannot reach the active node'),
  501: useless('it is not initialised'),
  503: useless('it is sealed'),
  530: useless('it was removed from its cluster'),
}

/** What the status of `GET sys/health` says. */
export function stateOf(status: number): VaultState {
  return states[status] ?? useless(`sys/health answers ${status}`)
}
