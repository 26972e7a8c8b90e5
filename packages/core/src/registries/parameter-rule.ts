/** A tenant as a rule sees it: of its parameters those that are good by themselves. */
export interface ConfiguredTenant<Config = Readonly<Record<string, unknown>>> {
  /** Its place in `TENANT_CONFIGS`. */
  readonly index: number
  readonly config: Readonly<Config>
  /** The keys that stand in its entry, whatever their values. */
  readonly given: ReadonlySet<string>
}

/** What is wrong with a parameter. Never holds a value. */
export interface ParameterProblem {
  readonly index: number
  readonly parameter: string
  /** Goes on after the parameter's name: `must be …`, `is …`. */
  readonly rule: string
}

/**
 * A rule over several parameters of a tenant, or over several tenants. It is asked even when other things are wrong, so that all is told
 * at once; a parameter that is missing or bad is not there.
 */
export type ParameterRule<Config = Readonly<Record<string, unknown>>> = (
  tenants: readonly ConfiguredTenant<Config>[],
) => Iterable<ParameterProblem>

/**
 * The rule that no two tenants share a place.
 *
 * @param placesOf - texts that are equal when the places are one; a tenant may have several names for its one place.
 */
export function uniqueRule<Config>(
  parameter: string,
  placesOf: (config: Readonly<Config>) => readonly string[],
  what: string,
): ParameterRule<Config> {
  return function* unique(tenants) {
    const taken = new Map<string, number>()
    for (const { index, config } of tenants) {
      const places = placesOf(config)
      const first = places.map(place => taken.get(place)).find(holder => holder !== undefined)
      if (first !== undefined) yield { index, parameter, rule: `${what} of TENANT_CONFIGS[${first}]` }
      for (const place of places) if (!taken.has(place)) taken.set(place, index)
    }
  }
}
