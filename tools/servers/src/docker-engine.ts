import { connect } from 'node:net'

const answers = (target: { readonly path: string } | { readonly host: string; readonly port: number }) =>
  new Promise<boolean>(resolve => {
    const socket = connect(target)
    const say = (answer: boolean) => () => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(500, say(false))
    socket.once('connect', say(true))
    socket.once('error', say(false))
  })

/** Whether a Docker engine listens where `DOCKER_HOST` says, else on the usual socket. Takes at most half a second. */
export const dockerEngine = async (env: NodeJS.ProcessEnv = process.env): Promise<boolean> => {
  const address = env.DOCKER_HOST || 'unix:///var/run/docker.sock'
  if (!URL.canParse(address)) return false
  const { protocol, pathname, hostname, port } = new URL(address)
  if (protocol === 'unix:') return answers({ path: pathname })
  return answers({ host: hostname, port: Number(port || 2375) })
}
