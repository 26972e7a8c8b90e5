import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The folder of Debian's server binaries of a major version, or undefined when that version is not installed. */
export const debianPostgres = (major: number): string | undefined => {
  const folder = `/usr/lib/postgresql/${major}/bin`
  return existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')) ? folder : undefined
}
