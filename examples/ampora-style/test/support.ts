import { type Answer, type Call, quietLogger, send } from '@tenantry/demo'
import { describePostgres } from '@tenantry/servers/vitest'
import { beforeAll } from 'vitest'
import { type Onboarded, onboard } from '../src/onboard.ts'
import { type Deployment, openDeployment } from '../src/open-deployment.ts'
import { signIn } from '../src/sign-in.ts'

/** A deployment, with whatever tenants a test makes. */
export interface House {
  readonly deployment: Deployment
  ask(call: Omit<Call, 'host'>, credentials?: { readonly token?: string; readonly key?: string }): Promise<Answer>
  /** A tenant of a test's own with groups `{slug}-admins`, `-operators` and `-viewers`, and a person in each. */
  tenant(): Promise<Onboarded & { readonly slug: string; person(group: string): Promise<string> }>
  /** The token of a person after a login, who has these claims then. */
  session(slug: string, login: string, claims: object): Promise<string>
  /** Enrols an agent: its key. */
  agent(token: string): Promise<string>
}

let made = 0

/** A `describe` with a deployment of its own on a real Postgres and a real OpenID provider. */
export function describeHouse(name: string, tests: (house: House) => void): void {
  describePostgres(name, server => {
    let opened: Deployment | undefined
    beforeAll(async () => {
      const [data, registry] = [await server.freshDatabase(), await server.freshDatabase()]
      opened = await openDeployment({ data, registry, logger: quietLogger })
      return opened.close
    })
    const deployment = (): Deployment => {
      if (opened === undefined) throw new Error('It is there once beforeAll has run.')
      return opened
    }
    const house: House = {
      get deployment() {
        return deployment()
      },
      ask(call, { token, key } = {}) {
        const { base, port } = deployment()
        const own = { ...(token && { authorization: `Bearer ${token}` }), ...(key && { 'x-api-key': key }) }
        return send(port, { host: new URL(base).host, ...call, headers: { ...own, ...call.headers } })
      },
      async tenant() {
        const slug = `tenant-${++made}`
        const roles = {
          [`${slug}-admins`]: 'Admin',
          [`${slug}-operators`]: 'Operator',
          [`${slug}-viewers`]: 'Viewer',
        } as const
        const customer = { slug, name: `Tenant ${made}`, region: 'eu', claim: 'groups', roles, firstAdmin: 'ada' }
        const onboarded = await onboard(deployment().platform, customer, 'a test')
        const person = (group: string) => house.session(slug, `${group} of ${slug}`, { groups: [`${slug}-${group}`] })
        return { ...onboarded, slug, person }
      },
      async session(slug, login, claims) {
        deployment().people.set(login, { ...claims })
        const { token, error } = await signIn(`${deployment().base}/t/${slug}/login`, login)
        if (token === undefined) throw new Error(`${login} was not let in: ${error}`)
        return token
      },
      async agent(token) {
        const secret = `${'s'.repeat(43)}${++made}`
        const { status, body } = await house.ask({
          method: 'POST',
          path: '/v1/agents',
          body: { token, name: 'a', secret },
        })
        if (status !== 201) throw new Error(`Not enrolled: ${status}`)
        return `${(body as { tenant: string }).tenant}_sk_${secret}`
      },
    }
    tests(house)
  })
}

export const codeOf = ({ status, body }: Answer) => [status, (body as { code?: string }).code]
