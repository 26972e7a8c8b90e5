import { type Answer, type Call, send } from './send.ts'

/** A request, who sends it, and what must come back. */
export interface Scene {
  readonly who: string
  readonly what: string
  readonly call: Call
  readonly status: number
  /** The answer in a few words; also where it is judged, because a scene whose answer reads otherwise has failed. */
  readonly says: string
}

/** Something that is looked up behind the scenes, such as what stands in a database. */
export interface Look {
  readonly who: string
  readonly what: string
  /** What was found, in a few words. */
  readonly found: string
  readonly says: string
}

/** What came back. */
export interface Result {
  readonly who: string
  readonly what: string
  /** Of HTTP; none where nothing was requested. */
  readonly status: number | undefined
  readonly answer: string
  readonly asExpected: boolean
}

/**
 * Where scenes are played.
 *
 * @param describe - says the body of an answer in a few words.
 */
export function openStage(describe: (body: unknown) => string): {
  /** Sends the request to a port of this machine. */
  play(port: number, scene: Scene): Promise<Answer>
  /** Notes what was found. */
  see(look: Look): void
  /** Those of all scenes so far. */
  readonly results: readonly Result[]
} {
  const results: Result[] = []
  return {
    results,
    async play(port, { who, what, call, status, says }) {
      const got = await send(port, call)
      const answer = describe(got.body)
      results.push({ who, what, status: got.status, answer, asExpected: got.status === status && answer === says })
      return got
    },
    see({ who, what, found, says }) {
      results.push({ who, what, status: undefined, answer: found, asExpected: found === says })
    },
  }
}
