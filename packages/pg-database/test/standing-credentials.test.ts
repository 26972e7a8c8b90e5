import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { type LoginTarget, secret } from '@tenantry/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secretCredentials, secretReferences, staticCredentials } from '../src/index.ts'

const target: LoginTarget = {
  tenant: 'acme',
  server: 'eu',
  host: 'db',
  port: 5432,
  database: 't_acme',
  owner: 't_acme',
}
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenantry-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('S26 a secret by reference', () => {
  it('is a variable of the environment, or a file without its last line break', async () => {
    const path = join(folder, 'password')
    await writeFile(path, ' hunter2 \n')
    const source = secretReferences({ ACME: 'hunter1' })
    expect((await source('env:ACME')).reveal()).toBe('hunter1')
    expect((await source(`file:${path}`)).reveal()).toBe(' hunter2 ')
    await writeFile(path, 'hunter3')
    expect((await source(`file:${path}`)).reveal()).toBe('hunter3')
  })

  it.each([
    ['a variable that is not there', 'env:NOBODY', 'NOBODY is not set'],
    ['a file that is not there', 'file:/nowhere/at/all', 'file:/nowhere/at/all cannot be read (ENOENT)'],
    ['a relative path', 'file:password', 'file:password is no reference: it must be env:NAME or file:/path'],
    ['what may be the secret itself', 'hunter2', 'a secret is no reference: it must be env:NAME or file:/path'],
    ['nothing', '', 'a secret is no reference: it must be env:NAME or file:/path'],
  ])('%s is told without showing it', async (_, reference, problem) => {
    const outcome = await (async () => secretReferences({})(reference))().catch((error: unknown) => error)
    expect(outcome).toMatchObject({ code: 'CONFIG_INVALID', details: { problems: [problem] } })
    expect(inspect(outcome)).not.toContain('hunter2')
  })

  it('is refused when it is empty or too long for a password', async () => {
    for (const text of ['', '\n', 'x'.repeat(5_000)]) {
      await writeFile(join(folder, 'odd'), text)
      await expect(secretReferences()(`file:${join(folder, 'odd')}`)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
  })
})

describe('S08 credentials that stand', () => {
  it('are looked up by the tenant’s id, and by nothing that every object has', async () => {
    const source = staticCredentials({ acme: { username: 't_acme_login', password: secret('hunter2') } })
    expect((await source.issue(target)).username).toBe('t_acme_login')
    for (const tenant of ['globex', 'constructor', '__proto__'])
      await expect(source.issue({ ...target, tenant })).rejects.toMatchObject({ code: 'CREDENTIALS_REFUSED' })
    expect(inspect(source, { depth: 9, showHidden: true })).not.toContain('hunter2')
  })

  it('are read anew each time, from wherever the reference leads', async () => {
    const env: Record<string, string> = { ACME_PASSWORD: 'hunter1' }
    const source = secretCredentials({
      password: ({ tenant }) => `env:${tenant.toUpperCase()}_PASSWORD`,
      secrets: secretReferences(env),
    })
    const first = await source.issue(target)
    expect([first.username, first.password.reveal(), first.expiresAt]).toEqual(['t_acme_login', 'hunter1', undefined])
    env.ACME_PASSWORD = 'hunter2'
    expect((await source.issue(target)).password.reveal()).toBe('hunter2')
    expect(JSON.stringify(first)).not.toContain('hunter')
    const named = secretCredentials({
      username: ({ tenant }) => `${tenant}_app`,
      password: () => 'env:ACME_PASSWORD',
      secrets: secretReferences(env),
    })
    expect((await named.issue(target)).username).toBe('acme_app')
  })
})
