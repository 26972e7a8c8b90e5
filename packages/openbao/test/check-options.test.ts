import { secret } from '@tenantry/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { entryNames } from '../src/entry-names.ts'
import { type OpenbaoOptions, openbaoLeases } from '../src/index.ts'
import { loginStatements } from '../src/login-statements.ts'

const good: OpenbaoOptions = {
  address: 'https://openbao.internal:8200',
  auth: { token: secret('s.hunter2') },
  servers: { main: { host: '::1', port: 5432, username: 'broker', password: secret('hunter2') } },
}

describe('the options of openbaoLeases', () => {
  it.each<[string, Partial<OpenbaoOptions>]>([
    ['address: must be https:', { address: 'http://127.0.0.1:8200' }],
    ['address: must be a URL', { address: 'openbao' }],
    ['address: must be scheme, host and port only', { address: 'https://me:hunter2@openbao.internal' }],
    ['nodes[0]: must be https:', { nodes: ['http://b.internal:8200'] }],
    ['auth.token', { auth: { token: secret('hunter2\n') } }],
    ['auth.secretId', { auth: { roleId: 'r', secretId: secret('') } }],
    ['auth.mount', { auth: { roleId: 'r', secretId: secret('hunter2'), mount: '../sys' } }],
    ['mount', { mount: 'database/' }],
    ['prefix', { prefix: 'a.b' }],
    ['namespace', { namespace: 'a\r\nx-vault-token: b' }],
    ['lifetime: must be whole seconds', { lifetime: 1500 }],
    ['maxLifetime: must not be less than lifetime', { maxLifetime: 1000 }],
    ['timeout', { timeout: 0 }],
    ['servers.main.connection', { servers: { main: { connection: 'a/b' } } }],
    ['servers.main.host', { servers: { main: { host: 'a/b', port: 1, username: 'u', password: secret('hunter2') } } }],
    ['servers.main.port', { servers: { main: { host: 'a', port: 0, username: 'u', password: secret('hunter2') } } }],
  ])('refuse %s', (problem, wrong) => {
    expect(() => openbaoLeases({ ...good, ...wrong })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(problem) }),
    )
    expect(() => openbaoLeases({ ...good, ...wrong })).not.toThrow(/hunter2/)
  })

  it('S27 takes http: only when it is asked for, also on loopback', () => {
    const address = 'http://127.0.0.1:8200'
    expect(() => openbaoLeases({ ...good, address })).toThrow(/allowInsecure/)
    expect(openbaoLeases({ ...good, address, allowInsecure: true }).name).toBe('openbao-leases')
    expect(openbaoLeases(good).lifetime).toBe(3_600_000)
  })
})

describe('the names of entries', () => {
  const part = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
    fc.constantFrom('x', 'a.b', 'Acme', 'acme', '-', 'ä'),
  )
  it('differ for each pair of server and tenant, and are what the engine takes', () => {
    const { role } = entryNames('tenantry')
    fc.assert(
      fc.property(fc.tuple(part, part), fc.tuple(part, part), ([server, tenant], [other, another]) => {
        const [name, second] = [role({ server, tenant }), role({ server: other, tenant: another })]
        expect(name).toMatch(/^\w(?:[\w.-]*\w)?$/)
        expect(name === second).toBe(server === other && tenant === another)
        expect(name.toLowerCase()).toBe(name)
      }),
    )
  })
})

describe('the statements of a login', () => {
  it.each(['a"; drop role b', 'a;b', '{{name}}', '', 'x'.repeat(64), 'a b'])('refuse the owner %j', owner => {
    expect(() => loginStatements(owner)).toThrow(expect.objectContaining({ code: 'ARGUMENT_INVALID' }))
  })

  it('are one to a text, as the engine cuts at ";" what is no block', () => {
    const { creation_statements, revocation_statements } = loginStatements('acme')
    for (const statement of creation_statements) expect(statement).not.toMatch(/;|\bEND\b/)
    // How the plugin knows a block; Vault before 1.13 did not look for it in revocations.
    for (const statement of revocation_statements) expect(statement).toMatch(/\bEND\b/)
  })
})
