import { createHash } from 'node:crypto'
import type { RuleContext } from '../commands/command-rule.ts'
import { refusal } from '../commands/refusal.ts'
import { problemOfScript } from './check-script.ts'

/** Which scripts tenants may run. `any` only where the server keeps them within their keys, or the application vouches for all. */
export type ScriptPolicy = 'checked' | 'any'

/** How many scripts are remembered; an application has some dozens. */
const remembered = 1_000

/** Looks at each script once. */
export function scriptChecks(policy: ScriptPolicy): Pick<RuleContext, 'checkScript' | 'isChecked'> {
  const digests = new Map<string, string>()
  const known = new Set<string>()
  return {
    checkScript(lua) {
      const before = digests.get(lua)
      if (before !== undefined) return before
      const problem = policy === 'any' ? undefined : problemOfScript(lua)
      if (problem !== undefined) {
        const advice = 'Give every key with KEYS, or let the server keep scripts within their keys (option "users").'
        throw refusal('eval', `the script cannot be seen to keep to its declared keys (${problem})`, advice)
      }
      const sha = createHash('sha1').update(lua).digest('hex')
      // Scripts that are put together from values would fill the memory; the oldest is looked at again when it comes back.
      const [oldest] = digests.size < remembered ? [] : digests
      if (oldest !== undefined) {
        digests.delete(oldest[0])
        known.delete(oldest[1])
      }
      digests.set(lua, sha)
      known.add(sha)
      return sha
    },
    isChecked: sha => policy === 'any' || known.has(sha),
  }
}
