import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The server's version, which stands in the titles of the tests that ran on it. */
export const mongoJavaVersion = '1.47.0'

/** A folder of jars, or why there is none. */
export type MongoJavaJars = { readonly folder: string } | { readonly missing: string }

const run = promisify(execFile)
const cache = fileURLToPath(new URL('../../../../node_modules/.cache/tenantry', import.meta.url))

const dependency = (group: string, artifact: string, version: string) =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion><groupId>tenantry</groupId><artifactId>servers</artifactId><version>1</version>
  <dependencies>
    ${dependency('de.bwaldvogel', 'mongo-java-server', mongoJavaVersion)}
    ${dependency('org.slf4j', 'slf4j-simple', '1.7.36')}
  </dependencies>
</project>
`

const answers = (command: string, args: readonly string[]) =>
  run(command, args).then(
    () => true,
    () => false,
  )

/**
 * The jars of mongo-java-server, which Maven fetches once for each checkout.
 *
 * @throws Error when Maven is there and cannot fetch them.
 */
export const mongoJavaJars = async (): Promise<MongoJavaJars> => {
  if (!(await answers('java', ['-version'])))
    return { missing: 'No MongoDB: no Docker engine answers and no JDK is on PATH.' }
  const folder = join(cache, `mongo-java-server-${mongoJavaVersion}`)
  if (existsSync(folder)) return { folder }
  if (!(await answers('mvn', ['-v'])))
    return { missing: 'No MongoDB: no Docker engine answers and no Maven is on PATH.' }
  await mkdir(cache, { recursive: true })
  const room = await mkdtemp(join(cache, 'fetch-'))
  try {
    await writeFile(join(room, 'pom.xml'), pom)
    await run('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib'], { cwd: room })
    // In one step, and another process may have been faster.
    await rename(join(room, 'lib'), folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error
    })
    return { folder }
  } finally {
    await rm(room, { recursive: true, force: true })
  }
}
