import { randomBytes } from 'node:crypto'

/** PostgreSQL 18 in a container; testcontainers' own reaper removes it when this process dies. */
export const containPostgres = async () => {
  const { GenericContainer, Wait } = await import('testcontainers')
  const password = randomBytes(24).toString('hex')
  const flags = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=200']
  const container = await new GenericContainer('postgres:18-alpine')
    .withEnvironment({ POSTGRES_PASSWORD: password, POSTGRES_INITDB_ARGS: '--locale=C --encoding=UTF8' })
    .withCommand(['postgres', ...flags.flatMap(flag => ['-c', flag])])
    .withExposedPorts(5432)
    // Said twice: the image starts a first server only to initialise the data directory.
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start()
  return {
    adminUrl: `postgresql://postgres:${password}@${container.getHost()}:${container.getMappedPort(5432)}/postgres`,
    stop: async () => {
      await container.stop()
    },
  }
}
