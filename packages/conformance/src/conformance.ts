import type { Law } from './law.ts'
import { type ConformanceOptions, runLaw, settingsOf, skipReason } from './run-law.ts'
import type { Subject } from './subject.ts'

/** One law on one subject, in the shape that every test runner takes. */
export interface Case {
  /** The law's name; of a case that is skipped, with the reason. */
  readonly name: string
  readonly law: Law
  /** Why the law is not run: the isolation itself does not claim what the law proves. */
  readonly skip?: string
  /** Runs the law, after those that were started before. Rejects when it is broken, and when it is to be skipped. */
  run(): Promise<void>
}

/** The laws on one subject, which they share. */
export interface Suite {
  readonly subject: Pick<Subject<unknown>, 'isolation' | 'server'>
  readonly seed: number
  readonly cases: readonly Case[]
  /** Closes the subject. The test runner calls it at the end. */
  close(): Promise<void>
}

/**
 * The conformance suite of an isolation, for any test runner. Opens the subject at once: which laws are skipped is said by
 * its isolation, and a runner must know before it starts.
 *
 * @example
 * const { cases, close } = await conformance(memorySubject)
 * for (const { name, skip, run } of cases) (skip ? test.skip : test)(name, run)
 * after(close)
 */
export async function conformance<Handle>(
  makeSubject: () => Promise<Subject<Handle>>,
  options: ConformanceOptions = {},
): Promise<Suite> {
  const settings = settingsOf(options)
  const subject = await makeSubject()
  // Laws count statements, so a runner that starts them together still gets them one after another.
  let last: Promise<unknown> = Promise.resolve()

  function run(law: Law): Promise<void> {
    const now = last.then(() => runLaw(law, subject, settings))
    last = now.then(
      () => undefined,
      () => undefined,
    )
    return now
  }

  return {
    subject,
    seed: settings.seed,
    cases: settings.laws.map(law => {
      const skip = skipReason(law, subject)
      if (skip === undefined) return { name: law.name, law, run: () => run(law) }
      return {
        name: `${law.name} (skipped: ${skip})`,
        law,
        skip,
        run: async () => {
          throw new Error(`Not run: ${law.name}, because ${skip}.`)
        },
      }
    }),
    close: () => subject.close(),
  }
}
