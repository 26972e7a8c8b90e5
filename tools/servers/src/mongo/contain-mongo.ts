import { randomBytes } from 'node:crypto'

const image = 'mongo:8.0'
const port = 27017

/** A MongoDB replica set of one member with authentication, in a container; testcontainers' reaper removes it when this process dies. */
export const containMongo = async () => {
  const { GenericContainer, Wait } = await import('testcontainers')
  const password = randomBytes(24).toString('hex')
  // Members of a replica set with users want a key file, also when there is one member.
  const key = 'head -c 48 /dev/urandom | base64 > /tmp/key && chmod 400 /tmp/key && chown mongodb /tmp/key'
  const container = await new GenericContainer(image)
    .withEnvironment({ MONGO_INITDB_ROOT_USERNAME: 'root', MONGO_INITDB_ROOT_PASSWORD: password })
    .withEntrypoint(['bash', '-c'])
    .withCommand([`${key} && exec docker-entrypoint.sh mongod --replSet rs0 --keyFile /tmp/key --bind_ip_all`])
    .withExposedPorts(port)
    // Said twice: the image starts a first server only to make the user.
    .withWaitStrategy(Wait.forLogMessage(/Waiting for connections/, 2))
    .start()
  const stop = async () => {
    await container.stop()
  }
  const initiate = `rs.initiate({ _id: 'rs0', members: [{ _id: 0, host: 'localhost:${port}' }] }); while (!db.hello().isWritablePrimary) sleep(50)`
  const { exitCode, output } = await container.exec([
    'mongosh',
    '-u',
    'root',
    '-p',
    password,
    '--quiet',
    '--eval',
    initiate,
  ])
  if (exitCode !== 0) {
    await stop()
    throw new Error(`The replica set did not start:\n${output.replaceAll(password, '…')}`)
  }
  // The member knows itself by a name of inside the container.
  const url = `mongodb://root:${password}@${container.getHost()}:${container.getMappedPort(port)}/?directConnection=true&authSource=admin`
  return { url, stop }
}
