import { createTenancy, header, host, isTenancyError, path, type Resolver, type Tenancy } from '@tenantry/core'
import { apiKey, jwt } from '@tenantry/identity'
import { createRandom, type Random } from '../random.ts'
import { badRequest, type Meaning, nothing, type Signal } from './meaning.ts'
import { type ChainShape, expected, type Verdict } from './model.ts'
import { issuers, keys, registry, signals } from './world.ts'

/** One request on which chain and model do not agree. */
export interface Disagreement {
  readonly request: number
  readonly shape: ChainShape
  readonly sent: Readonly<Record<string, readonly string[]>>
  readonly expected: Verdict
  readonly found: Verdict
}

export interface FuzzReport {
  readonly requests: number
  readonly disagreements: readonly Disagreement[]
  /** How often each came of it: a fuzz in which nobody is served shows nothing. */
  readonly verdicts: Readonly<Record<string, number>>
}

/** Options of {@link fuzzResolution}. */
export interface FuzzOptions {
  readonly requests: number
  readonly seed: number
  /** Breaks the chain on purpose, to see that it is noticed. */
  readonly breakResolver?: (resolver: Resolver, header: string) => Resolver
  readonly onProgress?: (done: number) => void
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const headers = Object.keys(signals)

// One for all chains: a signature costs more than all the rest.
const byToken = jwt({ issuers, remember: 300_000, logger: silent })
const bySession = jwt({ issuers, remember: 300_000, header: 'x-session', logger: silent })

function shapeOf(random: Random): ChainShape {
  const order = headers.map(name => ({ name, at: random.int(1_000_000) })).sort((a, b) => a.at - b.at)
  return {
    order: order.map(({ name }) => name),
    onUnresolved: random.pick(['reject', 'default']),
    onConflict: random.chance(0.8) ? 'reject' : 'first',
    absentStatus: random.pick([400, 401]),
    hideSuspended: random.chance(0.3),
    trusted: random.chance(0.3),
  }
}

function resolverOf(name: string, { trusted }: ChainShape): Resolver {
  switch (name) {
    case 'authorization':
      return byToken
    case 'x-session':
      return bySession
    case 'x-api-key':
      return apiKey({ keys })
    case 'host':
      return host({ baseDomains: ['example.com'], ownHosts: ['api.example.com'] })
    case ':path':
      return path({ prefix: '/t' })
    default:
      return header({ name, trusted })
  }
}

function tenancyOf(shape: ChainShape, broken: FuzzOptions['breakResolver']): Tenancy {
  const resolvers = shape.order.map(name => {
    const resolver = resolverOf(name, shape)
    return broken?.(resolver, name) ?? resolver
  })
  return createTenancy({ ...shape, registry, resolvers, logger: silent })
}

async function found(tenancy: Tenancy, chosen: ReadonlyMap<string, Signal>): Promise<Verdict> {
  const values = (name: string) => chosen.get(name)?.values ?? []
  try {
    return await tenancy.serve({ target: values(':path')[0] ?? '/', header: values }, tenant => {
      const evidence = tenancy.evidence()
      const sources = evidence.by === 'request' ? evidence.sources : []
      return { tenant: tenant.id, roles: sources.flatMap(({ principal }) => principal?.role ?? []).sort() }
    })
  } catch (error) {
    return { code: isTenancyError(error) ? error.code : String(error) }
  }
}

/** Random requests to random chains; each is judged by the chain and by the reference model. The same with the same seed. */
export async function fuzzResolution(options: FuzzOptions): Promise<FuzzReport> {
  const { requests, seed, breakResolver, onProgress } = options
  const chains = Array.from({ length: 200 }, (_, index) => {
    const shape = shapeOf(createRandom(seed, -index - 1))
    return { shape, tenancy: tenancyOf(shape, breakResolver) }
  })
  const disagreements: Disagreement[] = []
  const verdicts: Record<string, number> = {}
  for (let request = 0; request < requests; request++) {
    const random = createRandom(seed, request)
    const { shape, tenancy } = random.pick(chains)
    // Mostly few at once, or something bad would be in every request.
    const share = random.pick([0.2, 0.4, 0.7])
    const chosen = new Map(
      headers.map(name => {
        const [first, ...others] = signals[name] as readonly [Signal, ...Signal[]]
        return [name, random.chance(share) ? random.pick(others) : first]
      }),
    )
    const isAbsolute = chosen.get(':path')?.values[0]?.startsWith('/') === false
    const meaningOf = (name: string): Meaning => {
      const signal = chosen.get(name)
      // An absolute target names a host that outranks the header.
      return name === 'host' && isAbsolute && signal?.values.length !== 0 ? badRequest : (signal?.means ?? nothing)
    }
    const [wanted, got] = [expected(shape, meaningOf), await found(tenancy, chosen)]
    const name = 'code' in wanted ? wanted.code : 'served'
    verdicts[name] = (verdicts[name] ?? 0) + 1
    if (JSON.stringify(wanted) !== JSON.stringify(got)) {
      const sent = Object.fromEntries([...chosen].map(([header, { values }]) => [header, values]))
      disagreements.push({ request, shape, sent, expected: wanted, found: got })
      if (disagreements.length >= 20) return { requests: request + 1, disagreements, verdicts }
    }
    if (request % 1000 === 999) {
      onProgress?.(request + 1)
      await new Promise(resolve => setImmediate(resolve))
    }
  }
  return { requests, disagreements, verdicts }
}
