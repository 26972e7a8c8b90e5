import { createTenancy, type Tenancy } from '@tenantry/core'
import type { MemoryParts } from '../memory/memory-parts.ts'
import { memorySubject } from '../memory/memory-subject.ts'
import type { Policy } from '../memory/policy.ts'
import type { SpaceParts } from '../memory/space-isolation.ts'
import { spaceSubject } from '../memory/space-subject.ts'
import type { Subject } from '../subject.ts'

/** An adapter that is broken on purpose in one way, and the law that must catch it. */
export interface Canary {
  /** The name of the law that this breaks. */
  readonly law: string
  /** What is wrong with the adapter, as a sentence. */
  readonly breaks: string
  /** Laws that cannot but break with it. */
  readonly alsoBreaks: readonly string[]
  subject(): Promise<Subject<unknown>>
}

/** Rules of the memory isolation and its server. */
export type Broken = Partial<Policy & MemoryParts>

/** The memory isolation with single rules replaced. */
export function canary(law: string, breaks: string, broken: () => Broken, alsoBreaks: readonly string[] = []): Canary {
  return { law, breaks, alsoBreaks, subject: () => memorySubject(broken()) }
}

/** The memory isolation in a tenancy of which something is replaced. */
export function brokenTenancy(law: string, breaks: string, wrap: (whole: Tenancy) => Partial<Tenancy>): Canary {
  const tenancy: Subject<unknown>['tenancy'] = options => {
    const whole = createTenancy(options)
    return { ...whole, ...wrap(whole) }
  }
  return { law, breaks, alsoBreaks: [], subject: async () => ({ ...(await memorySubject()), tenancy }) }
}

/** The reference of isolations that make objects, with single rules replaced. */
export function brokenSpaces(law: string, breaks: string, broken: Partial<SpaceParts>): Canary {
  return { law, breaks, alsoBreaks: [], subject: () => spaceSubject(broken) }
}
