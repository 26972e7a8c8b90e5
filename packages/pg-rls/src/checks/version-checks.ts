import type { Finding } from '@tenantry/core'

/** For each hole in row security, the first minor version of each major without it (release notes, appendix E). */
const mended: readonly { readonly id: string; readonly hole: string; readonly from: readonly (readonly number[])[] }[] =
  [
    {
      id: 'R15',
      hole: 'a plan made for one role may be used for another (CVE-2024-10976)',
      from: [
        [15, 9],
        [16, 5],
        [17, 1],
      ],
    },
    {
      id: 'R16',
      hole: 'a role set before may come back (CVE-2024-10978)',
      from: [
        [15, 10],
        [16, 6],
        [17, 2],
      ],
    },
    {
      id: 'R17',
      hole: 'statistics show values of hidden rows (CVE-2025-8713)',
      from: [
        [15, 14],
        [16, 10],
        [17, 6],
      ],
    },
  ]

/** What is wrong with this version of the server: the worst known hole. @param version - `server_version_num`. */
export function versionFindings(version: number): Finding[] {
  const major = Math.floor(version / 10_000)
  const minor = version % 10_000
  const object = `server ${major}.${minor}`
  if (major < 15) {
    const problem =
      "knows no security_invoker, so that every view shows its owner's rows; Tenantry is not tested with it."
    return [{ id: 'R3', severity: 'warning', object, problem, fix: 'Upgrade to PostgreSQL 15 or later.' }]
  }
  const latest = mended.at(-1)?.from.find(([of]) => of === major)
  for (const { id, hole, from } of mended) {
    if (from.some(([of, first = 0]) => of === major && minor < first)) {
      const fix = `Upgrade to PostgreSQL ${latest?.join('.')} or later.`
      return [{ id, severity: 'error', object, problem: `has a known hole: ${hole}.`, fix }]
    }
  }
  return []
}
