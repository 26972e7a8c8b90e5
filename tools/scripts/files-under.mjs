import { readdirSync } from 'node:fs'

/** Our own files under a folder: `readdirSync` with `recursive` follows links, and packages link to each other in their `node_modules`. */
export function filesUnder(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return ['node_modules', 'dist'].includes(entry.name) ? [] : filesUnder(path)
    return entry.isFile() ? [path] : []
  })
}
