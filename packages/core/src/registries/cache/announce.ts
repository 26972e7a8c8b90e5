import { TenancyError } from '../../errors.ts'
import { within } from '../../within.ts'
import type { ChangeBus, RegistryChange } from '../registry-changes.ts'
import type { SharedLevel } from './shared-level.ts'

/** Milliseconds that the word of a change may take to one other side. */
const patience = 2_000

/**
 * Tells the shared cache first, so that nobody who hears of the change finds there what was before; then every bus. Each is told,
 * whatever becomes of the others.
 *
 * @throws {TenancyError} `DATABASE_UNAVAILABLE` naming those that could not be told.
 */
export async function tellOthers(
  change: RegistryChange,
  shared: SharedLevel | undefined,
  buses: readonly ChangeBus[],
): Promise<void> {
  const failures: { readonly name: string; readonly error: unknown }[] = []
  const tell = (name: string, work: () => Promise<void>) =>
    within(patience, work).catch((error: unknown) => void failures.push({ name, error }))

  if (shared !== undefined) await tell(shared.name, () => shared.purge(change))
  await Promise.all(buses.map(bus => bus.publish && tell(bus.name, async () => bus.publish?.(change))))
  if (failures.length === 0) return
  const who = [...new Set(failures.map(({ name }) => name))].join(', ')
  const cause = new AggregateError(
    failures.map(({ error }) => error),
    `Could not be told: ${who}.`,
  )
  const reason = `not told of the change of tenant "${change.id}": ${who}`
  throw new TenancyError('DATABASE_UNAVAILABLE', { reason }, { cause })
}
