import { shared } from './broken.ts'
import { type Canary, canary } from './canary.ts'

/** Adapters that share what they must not. */
export const concurrencyCanaries: readonly Canary[] = [
  canary(
    'interleaved units of work never meet',
    'Units of work share the field that holds the tenant.',
    () => shared(latest => ({ ofUnit: latest })),
    ['a cursor goes on as the tenant that opened it'],
  ),
  canary(
    'interleaved single statements never meet',
    'Statements share the field that holds the tenant.',
    () => shared(latest => ({ ofStatement: latest })),
    [
      ...['work that goes on later keeps its tenant', 'a bound callback acts for the tenant that bound it'],
      ...['what another tenant calls acts for the caller', 'a callback is called in the context of who handed it in'],
    ],
  ),
]
