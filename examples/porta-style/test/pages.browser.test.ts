import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Branding, makeBranding } from '@tenantry/core'
import { listen } from '@tenantry/demo'
import { type Chromium, findChromium, startChromium, type Tab } from '@tenantry/servers'
import express from 'express'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { consentPage, errorPage, loginPage, type Page } from '../src/pages.ts'
import { sendPage } from '../src/send-page.ts'

const program = findChromium()
const missing = 'no chromium on PATH: install chromium'
if (program === undefined && process.env.TENANTRY_REQUIRE_CHROMIUM === '1') throw new Error(missing)
if (program === undefined) process.stderr.write(`tenantry: the pages in a browser are SKIPPED: ${missing}\n`)
// Pictures for whoever wants to see them, and for nobody else.
const pictures = process.env.PORTA_SCREENSHOTS

const acme = makeBranding('Acme', {
  primaryColor: '#0f766e',
  loginText: 'Welcome back.\nUse the address that you work with.',
})
const globex = makeBranding('Globex', {
  ...{ primaryColor: '#facc15', companyName: 'Globex Corporation', defaultLocale: 'de' },
  customCss: 'body { background: linear-gradient(160deg, #1f2937, #111827) } h1 { letter-spacing: .02em }',
})
const script = '<script>window.hacked = 1</script><img src="/stolen" onerror="window.hacked = 2">'
const hostile = makeBranding('x', { companyName: `"'>${script}`, loginText: `</p></form>${script}` })
const client = { name: 'Shop', redirect_uri: 'https://shop.example/callback' }
const fields = { client_id: 'shop', state: `"><${script}` }

describe.skipIf(program === undefined)(
  `pages in a browser${program === undefined ? ` [skipped: ${missing}]` : ''}`,
  () => {
    let chromium: Chromium | undefined
    let server: Awaited<ReturnType<typeof listen>> | undefined
    let tab: Tab
    let page: Page
    const asked: string[] = []

    beforeAll(async () => {
      chromium = await startChromium(program ?? '')
      tab = await chromium.tab()
      const app = express()
      app.use((request, response) => {
        asked.push(request.url)
        if (request.url === '/page') sendPage(response, page)
        else response.status(404).end()
      })
      server = await listen(app)
    })
    afterAll(async () => {
      await chromium?.close()
      await server?.close()
    })

    async function show(shown: Page, name?: string): Promise<void> {
      page = shown
      asked.length = 0
      await tab.open(`http://127.0.0.1:${server?.port}/page`)
      if (name !== undefined && pictures !== undefined)
        await writeFile(join(pictures, `${name}.png`), await tab.screenshot())
    }
    const styleOf = (selector: string, property: string) =>
      tab.evaluate<string>(
        `getComputedStyle(document.querySelector(${JSON.stringify(selector)}))[${JSON.stringify(property)}]`,
      )
    const hacked = () =>
      tab.evaluate<unknown>("[window.hacked, document.querySelectorAll('script, [onerror], main img').length].join()")

    it.each([
      ['acme', acme, 'rgb(15, 118, 110)', 'rgb(255, 255, 255)', 'en'],
      ['globex', globex, 'rgb(250, 204, 21)', 'rgb(0, 0, 0)', 'de'],
    ] as const)(
      'P28 P24 P27 login, consent and error have the looks of %s',
      async (name, brand: Branding, color, on, lang) => {
        const pages = [
          ['login', loginPage(brand, '/login', {}), 'Sign in'],
          ['failed', loginPage(brand, '/login', {}, true), 'Sign in'],
          ['consent', consentPage(brand, '/consent', {}, client, 'ada@example.com'), 'Allow Shop?'],
          ['error', errorPage(brand, 403, 'This organization is suspended.'), 'This organization is suspended.'],
        ] as const
        for (const [kind, one, heading] of pages) {
          await show(one, `${name}-${kind}`)
          expect(await tab.evaluate('document.querySelector("h1").textContent')).toBe(heading)
          expect(await styleOf('.card', 'backgroundImage')).toContain(color)
          expect([await styleOf('.mark', 'backgroundColor'), await styleOf('.mark', 'color')]).toEqual([color, on])
          if (kind !== 'error') expect(await styleOf('button', 'backgroundColor')).toBe(color)
          expect(await tab.evaluate('document.documentElement.lang')).toBe(lang)
          expect(await tab.evaluate('document.querySelector(".brand span:last-child").textContent')).toBe(
            brand.companyName,
          )
        }
        if (brand === globex) expect(await styleOf('body', 'backgroundImage')).toContain('linear-gradient')
      },
    )

    it('P26 C36 names and texts are text, whatever stands in them', async () => {
      const evil = { ...client, name: script }
      const pages = [
        loginPage(hostile, '/login', fields, true),
        consentPage(hostile, '/consent', fields, evil, `ada${script}`),
        errorPage(hostile, 400, script),
      ]
      for (const [at, one] of pages.entries()) {
        await show(one, `hostile-${at}`)
        expect(await hacked()).toBe(',0')
        expect(await tab.evaluate('document.querySelector(".brand span:last-child").textContent')).toBe(
          hostile.companyName,
        )
        expect(asked.filter(url => url !== '/page' && url !== '/favicon.ico')).toEqual([])
      }
      await show(pages[0] as Page)
      expect(await tab.evaluate('document.querySelector("input[name=state]").value')).toBe(fields.state)
    })

    it('P26 the policy refuses what came in all the same: scripts, styles, pictures, frames, forms to elsewhere', async () => {
      await show(loginPage(acme, '/login', {}))
      const color = await styleOf('h1', 'color')
      const inserted = `${script}<style>h1 { color: rgb(1, 2, 3) !important }</style><iframe src="/framed"></iframe>`
      await tab.evaluate(`new Promise(resolve => {
      document.body.insertAdjacentHTML('beforeend', ${JSON.stringify(inserted)})
      const script = document.createElement('script')
      script.textContent = 'window.hacked = 3'
      document.body.append(script)
      setTimeout(resolve, 200)
    })`)
      expect(await tab.evaluate('window.hacked === undefined')).toBe(true)
      expect(await styleOf('h1', 'color')).toBe(color)
      expect(asked.filter(url => url !== '/page' && url !== '/favicon.ico')).toEqual([])
    })

    it('P26 style sheets that are taken neither leave their element nor load anything', {
      timeout: 120_000,
    }, async () => {
      const piece = fc.constantFrom(
        ...[
          'h1',
          '{',
          '}',
          '(',
          ')',
          ' ',
          ';',
          ':',
          '"',
          "'",
          '/*',
          '*/',
          'color:red',
          '@media',
          'all',
          'url(',
          '/stolen',
          '/',
          '*',
        ],
        ...[
          '@import',
          '"/stolen"',
          'background',
          'rgb(1,2,3)',
          '-->',
          ',',
          '[a="',
          '"]',
          '!important',
          '@font-face',
          'var(',
          '--x',
        ],
      )
      const taken = new Set<string>()
      for (const parts of fc.sample(fc.array(piece, { minLength: 4, maxLength: 16 }), { numRuns: 30_000, seed: 7 })) {
        if (taken.size === 60) break
        const css = parts.join('')
        try {
          makeBranding('x', { customCss: css })
          taken.add(css)
        } catch {
          // Refused, which is the other half of the promise and tested elsewhere.
        }
      }
      expect(taken.size).toBe(60)
      for (const customCss of taken) {
        await show(loginPage(makeBranding('Acme', { customCss }), '/login', {}))
        expect(await hacked()).toBe(',0')
        expect(await tab.evaluate<string>('document.querySelectorAll("style")[1].textContent')).toContain(customCss)
        expect(asked.filter(url => url !== '/page' && url !== '/favicon.ico')).toEqual([])
      }
    })
  },
)
