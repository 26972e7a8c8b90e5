import { type Canary, canary } from './canary.ts'

const lands = 'nothing of a suspended tenant lands once it is suspended'

/** Adapters that suspend or count a tenant wrongly. */
export const suspensionCanaries: readonly Canary[] = [
  canary(
    'a suspended tenant is refused by the server, whoever asks, and no other is',
    'Only this process refuses the tenant.',
    () => ({ fence: () => undefined }),
  ),
  canary(lands, 'What is under way is not waited for.', () => ({ drain: async () => undefined })),
  canary('an inventory counts what is one tenant’s and no other’s', 'The inventory counts the rows of all.', () => ({
    inventory(server, { id }) {
      const rows = server.everything()
      return rows.some(row => row.tenant === id) ? [{ kind: 'rows', name: 'notes', count: rows.length }] : []
    },
  })),
  canary(
    'an inventory is empty before a tenant is made and once it is erased',
    'The inventory believes what it knew before.',
    () => {
      const known = new Map<string, number>()
      return {
        inventory(server, { id }) {
          const count = server.everything().filter(row => row.tenant === id).length
          known.set(id, Math.max(count, known.get(id) ?? 0))
          return [{ kind: 'rows', name: 'notes', count: known.get(id) ?? 0 }].filter(holding => holding.count > 0)
        },
      }
    },
  ),
]
