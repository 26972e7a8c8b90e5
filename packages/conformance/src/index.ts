export type { Actor, Bench } from './bench.ts'
export { type Canary, canaries } from './canaries.ts'
export { type Case, conformance, type Suite } from './conformance.ts'
export { failureOf } from './failure-of.ts'
export { formatReport } from './format-report.ts'
export { type Law, type LawClaim, law } from './law.ts'
export { laws } from './laws/laws.ts'
export {
  type MemoryHandle,
  type MemoryIsolationOptions,
  type MemoryQuery,
  memoryIsolation,
} from './memory/memory-isolation.ts'
export { type Ending, type Lease, type MemoryParts, safeParts } from './memory/memory-parts.ts'
export type { MemoryPool } from './memory/memory-pool.ts'
export { type Connection, type MemoryServer, memoryServer } from './memory/memory-server.ts'
export { memorySubject } from './memory/memory-subject.ts'
export { type Policy, safePolicy } from './memory/policy.ts'
export type { Result, Statement, StoreError, StoreErrorCode, Verb } from './memory/statement.ts'
export type { Random } from './random.ts'
export { type LawResult, type Report, runConformance } from './report.ts'
export { type ConformanceOptions, runLaw } from './run-law.ts'
export type { Faults, Note, Notes, Outside, Row, Subject } from './subject.ts'
