import { TenancyError } from '../errors.ts'

// Whatever a disk, a shell, a URL or an archive could read as something else is not in it: capitals (which some disks fold), "%",
// "\", ":", "~", NUL, spaces, and all letters beyond ASCII, which are folded in more ways than one.
const plain = /^[a-z0-9_][a-z0-9._-]{0,254}$/

// With any ending. Microsoft, "Naming Files, Paths, and Namespaces".
const reserved = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/

// With the longest prefix it is within the 1024 bytes of a key of S3.
const longest = 768

/**
 * The parts of a file's name: `reports/2026.pdf` has two. It means the same on every disk and in every object store, or it is refused.
 * What people call a file belongs in a database; on a disk call it by an id.
 *
 * @throws {TenancyError} `PATH_INVALID` with the rule that is broken; the name itself is not shown.
 */
export function partsOfFileName(name: unknown): readonly [string, ...string[]] {
  if (typeof name !== 'string' || name === '' || name.length > longest)
    throw invalid(`must be text of 1–${longest} characters`)
  const [first = '', ...rest] = name.split('/')
  for (const part of [first, ...rest]) {
    if (!plain.test(part) || part.endsWith('.') || part.includes('..'))
      throw invalid(
        'must be names of a–z, 0–9, "_", "-" and single "." with "/" between them, each of 1–255 characters, not beginning with "." or "-" or ending with "."',
      )
    if (reserved.test(part)) throw invalid('must not hold a name that Windows reserves, such as "con"')
  }
  return [first, ...rest]
}

function invalid(rule: string): TenancyError {
  return new TenancyError('PATH_INVALID', { rule })
}
