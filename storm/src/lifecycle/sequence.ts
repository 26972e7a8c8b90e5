import { isDeepStrictEqual } from 'node:util'
import {
  type Lifecycle,
  type OperationKind,
  type Tenant,
  type TenantStatus,
  type TenantStore,
  type Transition,
  transitions,
} from '@tenantry/core'
import { errorCode } from '../error-code.ts'
import type { Random } from '../random.ts'

/** What sequences are run with. */
export interface SequenceParts {
  readonly store: TenantStore
  /** Without participants, where many operations are one transaction; and with them. */
  readonly bare: Lifecycle
  readonly full: Lifecycle
  /** Tenants that cannot be made, for now. */
  readonly broken: Set<string>
  /** The state of a tenant's row in the participant's table. */
  readonly thingOf: (tenant: string) => Promise<string | undefined>
  readonly count: (what: 'operations' | 'refusals') => void
}

const kinds = [
  'activate',
  'suspend',
  'resume',
  'archive',
  'restore',
  'retry',
  'rename',
  'setSettings',
  'destroy',
] as const
type Kind = 'create' | (typeof kinds)[number]

/** What must be there. */
interface Model {
  status: TenantStatus | 'none' | 'gone'
  name: string
  version: number
}

const by = { actor: 'storm' }

/**
 * A random life of one tenant that nobody else touches, against a model of it.
 *
 * @returns what is wrong, as sentences.
 */
export async function runSequence(id: string, random: Random, parts: SequenceParts): Promise<readonly string[]> {
  const { store, broken, thingOf, count } = parts
  const isFull = random.chance(0.3)
  const lifecycle = isFull ? parts.full : parts.bare
  const model: Model = { status: 'none', name: id, version: 0 }
  const problems: string[] = []
  const length = 2 + random.int(5)

  for (let index = 0; index < length; index++) {
    const kind: Kind = model.status === 'none' || random.chance(0.05) ? 'create' : random.pick(kinds)
    const fails = isFull && (kind === 'create' || kind === 'retry') && random.chance(0.15)
    const stays = kind === 'create' && random.chance(0.2)
    const stale = model.version > 1 && kind !== 'create' && random.chance(0.1)
    const key = random.chance(0.2) ? `${id}-${index}` : undefined
    if (fails) broken.add(id)
    const work = () =>
      attempt(lifecycle, kind, id, index, stays, {
        ...by,
        ...(key && { key }),
        ...(stale && { expected: model.version - 1 }),
      })
    const result = await ended(work)
    count('operations')

    const expected = expectation(kind, model, fails, stale)
    if (result.code !== expected) problems.push(`${kind} from ${model.status}: ${result.code}, not ${expected}`)
    if (result.code !== 'ok') count('refusals')
    if (expected === 'ok' || expected === 'OPERATION_FAILED') move(model, kind, expected === 'ok', stays, index)
    if (key !== undefined && (expected === 'ok' || expected === 'OPERATION_FAILED')) {
      const again = await ended(work)
      if (!isDeepStrictEqual(again, result))
        problems.push(`${kind} with the same key: ${again.code} instead of the same`)
    }
    broken.delete(id)

    const tenant = (await store.find({ kind: 'id', value: id })) as Tenant | undefined
    const known = model.status === 'none' || model.status === 'gone' ? undefined : model
    if (tenant?.status !== known?.status || tenant?.name !== known?.name) {
      problems.push(`behind ${kind}: ${tenant?.status} "${tenant?.name}", not ${known?.status} "${known?.name}"`)
    }
    const version = tenant?.version ?? model.version
    if (version < model.version) problems.push(`behind ${kind}: version ${version} after ${model.version}`)
    model.version = version
  }
  if (isFull) {
    const thing = await thingOf(id)
    const expected = thingIn(model.status)
    if (thing !== expected) problems.push(`a ${model.status} tenant has ${thing}, not ${expected}`)
  }
  return problems
}

async function ended(work: () => Promise<unknown>): Promise<{ code: string; value?: unknown }> {
  try {
    return { code: 'ok', value: await work() }
  } catch (error) {
    return { code: errorCode(error) }
  }
}

function attempt(
  lifecycle: Lifecycle,
  kind: Kind,
  id: string,
  index: number,
  stays: boolean,
  access: { actor: string; key?: string; expected?: number },
): Promise<unknown> {
  switch (kind) {
    case 'create':
      return lifecycle.create({ id, slug: id, name: id, activate: !stays }, access)
    case 'destroy':
      return lifecycle.destroy(id, { ...access, confirm: id })
    case 'rename':
      return lifecycle.rename(id, { name: `${id} ${index}` }, access)
    case 'setSettings':
      return lifecycle.setSettings(id, { index }, access)
    default:
      return lifecycle[kind](id, access)
  }
}

function expectation(kind: Kind, { status }: Model, fails: boolean, stale: boolean): string {
  if (kind === 'create') return status === 'none' ? (fails ? 'OPERATION_FAILED' : 'ok') : 'TENANT_EXISTS'
  if (status === 'none' || status === 'gone') return 'TENANT_NOT_FOUND'
  const { from }: Transition = transitions[kind as OperationKind]
  if (!from.includes(status)) return 'TRANSITION_REFUSED'
  if (stale) return 'VERSION_CONFLICT'
  return fails ? 'OPERATION_FAILED' : 'ok'
}

function move(model: Model, kind: Kind, isWell: boolean, stays: boolean, index: number): void {
  const { to, failed }: Transition = transitions[kind as OperationKind]
  if (kind === 'rename') model.name = `${model.name.split(' ')[0]} ${index}`
  if (!isWell) model.status = failed ?? model.status
  else if (stays) model.status = 'provisioning'
  else if (to !== 'same') model.status = to
}

function thingIn(status: Model['status']): string | undefined {
  if (status === 'suspended' || status === 'archived') return 'fenced'
  return status === 'active' || status === 'provisioning' ? 'open' : undefined
}
