import { type Chromium, findChromium, startChromium, type Tab } from '@tenantry/servers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fragmentOf, type LoginWorld, loginWorld, openBrowser } from './world.ts'

const program = findChromium()
const missing = 'no chromium on PATH: install chromium'
if (program === undefined && process.env.TENANTRY_REQUIRE_CHROMIUM === '1') throw new Error(missing)
if (program === undefined) process.stderr.write(`tenantry: the login in a browser is SKIPPED: ${missing}\n`)

describe.skipIf(program === undefined)(
  `a login in a browser${program === undefined ? ` [skipped: ${missing}]` : ''}`,
  () => {
    let chromium: Chromium
    let world: LoginWorld

    beforeAll(async () => {
      world = await loginWorld()
      chromium = await startChromium(program ?? '')
    })
    afterAll(async () => {
      await chromium?.close()
      await world?.close()
    })

    /** Waits for an address; pages load by themselves once a form is sent. */
    async function arrive(tab: Tab, prefix: string): Promise<string> {
      for (let tries = 0; tries < 400; tries++) {
        const address = await tab.evaluate<string>('document.readyState === "complete" ? location.href : ""')
        if (address?.startsWith(prefix)) return address
        await new Promise(resolve => setTimeout(resolve, 25))
      }
      throw new Error(`It is at ${await tab.evaluate<string>('location.href')}, not ${prefix}.`)
    }

    /** Sends the form that begins a login, as the frontend does. */
    async function begin(tab: Tab, tenant: 'a' | 'b'): Promise<void> {
      await tab.open(world.frontendOf(tenant))
      await tab.evaluate(`(() => {
        const form = document.createElement('form')
        form.method = 'post'
        form.action = '/v1/auth/oidc/login'
        form.innerHTML = '<input name="tenant_id" value="${tenant}"><input name="state" value="mine">'
        document.body.append(form)
        form.submit()
      })()`)
      await arrive(tab, `${world.providers[tenant].issuer}/`)
    }

    async function signIn(tab: Tab, login: string): Promise<void> {
      await tab.evaluate(`(() => {
        document.querySelector('input[name=login]').value = ${JSON.stringify(login)}
        document.querySelector('form').submit()
      })()`)
    }

    it('I37 I38 I39 C35 of two tenants with two issuers on one callback, in one browser', async () => {
      const tab = await chromium.tab()
      for (const [tenant, login] of [
        ['a', 'ada'],
        ['b', 'bob'],
      ] as const) {
        await begin(tab, tenant)
        await signIn(tab, login)
        const end = await arrive(tab, `${world.frontendOf(tenant)}#`)
        const { access_token = '', state } = fragmentOf(end)
        const { tenant: resolved, claims } = await world.resolve(access_token)
        expect([resolved.id, claims.idp, state]).toEqual([tenant, world.providers[tenant].issuer, 'mine'])
      }
    })

    it('E16 no script of a page reads what binds the login to the browser', async () => {
      const tab = await chromium.tab()
      await begin(tab, 'a')
      await tab.open(world.frontendOf('a'))
      expect(await tab.evaluate('document.cookie')).toBe('')
    })

    it('E6 C35 mix-up: what an attacker brings from the other provider, or from their own browser, ends nowhere', async () => {
      const tab = await chromium.tab()
      await begin(tab, 'a')
      const attacker = openBrowser()
      const foreign = await world.signIn(attacker, await world.begin(attacker, 'b'), 'mallory')
      const own = await world.signIn(attacker, await world.begin(attacker, 'a'), 'mallory')
      // The attacker's finished logins, given to the victim as a link.
      for (const address of [foreign, own]) {
        await tab.open(address)
        expect(await tab.evaluate('document.body.textContent')).toContain('CREDENTIAL_INVALID')
      }
      await begin(tab, 'a')
      // Nothing of all this is in the way of the login itself.
      await signIn(tab, 'ada')
      const { access_token = '' } = fragmentOf(await arrive(tab, `${world.frontendOf('a')}#`))
      expect((await world.resolve(access_token)).tenant.id).toBe('a')
    })
  },
)
