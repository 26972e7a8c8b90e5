import { safeParts } from '../memory/memory-parts.ts'
import { safeSpaceParts } from '../memory/space-isolation.ts'
import { brokenSpaces, type Canary, canary } from './canary.ts'

/** Adapters that make or erase a tenant's store wrongly. */
export const lifecycleCanaries: readonly Canary[] = [
  canary('provisioning twice is once', 'Provisioning starts from nothing.', () => ({
    provision: (server, { id }) => void server.erase(row => row.tenant === id),
  })),
  canary('deprovisioning erases one tenant and no other', 'Deprovisioning empties the table.', () => ({
    deprovision: server => [{ kind: 'rows', name: 'notes', count: server.erase(() => true) }],
  })),
  canary('deprovisioning twice is once', 'Deprovisioning says again that it erased a tenant.', () => ({
    deprovision: (server, tenant) => [
      ...safeParts.deprovision(server, tenant),
      { kind: 'tenant', name: tenant.id, count: 1 },
    ],
  })),
  canary('deprovisioning counts what it erased', 'Deprovisioning says nothing of what it erased.', () => ({
    deprovision: (server, tenant) => safeParts.deprovision(server, tenant).slice(1),
  })),

  brokenSpaces(
    'provisioning that was interrupted is finished by the next',
    'What is there already is taken for finished.',
    { resumes: false },
  ),
  brokenSpaces('a half-made tenant can be erased', 'Only what was finished is erased.', {
    removes: (space, maker) => space.notes !== undefined && safeSpaceParts.removes(space, maker),
  }),
  brokenSpaces('provisioning never adopts a foreign object', 'What is there already is adopted.', {
    adopts: () => true,
  }),
  brokenSpaces('deprovisioning never erases a foreign object', 'Whatever has the name is erased.', {
    removes: () => true,
  }),
  brokenSpaces('deprovisioning leaves no object behind', 'The space is emptied and stays.', {
    remove(spaces, name) {
      const count = spaces.get(name)?.notes?.size ?? 0
      spaces.get(name)?.notes?.clear()
      if (count === 0) spaces.delete(name)
      return count
    },
  }),
]
