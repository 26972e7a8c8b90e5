import type { EvidenceSource } from './evidence.ts'
import { frozenPrincipal, type Principal } from './principal.ts'
import type { Grant, Match } from './resolver.ts'
import type { OpenStep } from './trace.ts'

/** A grant that stands in a request, and who found it. */
export interface Granted {
  readonly by: string
  readonly grant: Grant
  /** Its entry in the trace. */
  readonly step: OpenStep
}

/** Asked about where nothing may be entered. Whatever is answered to that, nobody enters. */
const nobody = 'nobody'

/**
 * The tenants that grants lead to by themselves.
 *
 * @returns `undefined` when one of them leaves the choice.
 */
export async function homesOf(
  grants: readonly Granted[],
): Promise<readonly { readonly by: string; readonly match: Match; readonly step: OpenStep }[] | undefined> {
  const homes = []
  for (const { by, grant, step } of grants) {
    const home: string | null | undefined = await grant.home()
    if (home === undefined || home === null) return undefined
    const key = { kind: 'id', value: home } as const
    step.key = key
    homes.push({ by, match: { key, trust: 'verified' } as const, step })
  }
  return homes
}

/**
 * Asks every grant, whatever the others say.
 *
 * @param tenant - the one to be entered; without one nobody is admitted, but asked all the same.
 * @returns what each grant says of who calls; `undefined` unless all admit.
 */
export async function admitAll(
  grants: readonly Granted[],
  tenant: string | undefined,
): Promise<readonly EvidenceSource[] | undefined> {
  const sources: EvidenceSource[] = []
  for (const { by, grant } of grants) {
    const principal: Principal | null | undefined = await grant.admits(tenant ?? nobody)
    if (principal === undefined || principal === null) continue
    sources.push(Object.freeze({ resolver: by, trust: 'verified', principal: frozenPrincipal(principal) }))
  }
  return tenant !== undefined && sources.length === grants.length ? sources : undefined
}
