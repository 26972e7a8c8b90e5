import { randomBytes } from 'node:crypto'

/** An OpenBAO in a container. */
export interface ContainedOpenbao {
  readonly address: string
  readonly rootToken: string
  /** The host by which the container reaches what listens on this machine, also on its loopback only. */
  readonly hostFromInside: string
  stop(): Promise<void>
}

const image = 'openbao/openbao:2.5.4'

/**
 * OpenBAO in dev mode, unsealed and in memory; testcontainers' own reaper removes it when this process dies.
 *
 * @param reaches - the ports of this machine that it has to reach.
 */
export const containOpenbao = async (reaches: readonly number[]): Promise<ContainedOpenbao> => {
  const { GenericContainer, TestContainers, Wait } = await import('testcontainers')
  await TestContainers.exposeHostPorts(...reaches)
  const rootToken = randomBytes(24).toString('hex')
  const container = await new GenericContainer(image)
    .withEntrypoint(['bao'])
    .withCommand(['server', '-dev', `-dev-root-token-id=${rootToken}`, '-dev-listen-address=0.0.0.0:8200'])
    .withExposedPorts(8200)
    .withWaitStrategy(Wait.forHttp('/v1/sys/health', 8200))
    .start()
  return {
    address: `http://${container.getHost()}:${container.getMappedPort(8200)}`,
    rootToken,
    hostFromInside: 'host.testcontainers.internal',
    stop: async () => {
      await container.stop()
    },
  }
}
