import { inspect } from 'node:util'
import { envSecrets, secret } from '@tenantry/core'
import { describePostgres } from '@tenantry/servers/vitest'
import { describe, expect, it } from 'vitest'
import { aesKeys, type KeyPort } from '../../src/registry/index.ts'
import { failure, refusal } from '../support.ts'
import { by, create, remove, useRegistry } from './support.ts'

const key = Buffer.alloc(32, 7)
const canary = 'hunter2-ca\u0301nary-𝒳'

describePostgres('P8 secrets of tenants', server => {
  const db = useRegistry(server)

  const shown = (value: unknown) =>
    [inspect(value, { depth: 20, showHidden: true }), JSON.stringify(value), String((value as Error)?.stack)].join('\n')

  it('stand encrypted in the database, and in no log, audit, tenant or error', async () => {
    const registry = db.open({ keys: aesKeys(key) })
    const { id } = await create(registry)
    await registry.setSecret(id, 'dsn', secret('first'), by)
    await registry.setSecret(id, 'dsn', secret(canary), by)
    const found = await registry.getSecret(id, 'dsn')
    expect(found?.reveal()).toBe(canary)
    expect(shown(found)).not.toContain('hunter2')
    const rows = await db.sql('admin', 'select * from tenantry.registry_secrets')
    expect(rows).toMatchObject([{ tenant: id, name: 'dsn', reference: null }])
    expect(Buffer.from(rows[0]?.ciphertext as never).includes('hunter2')).toBe(false)
    const trail = await registry.auditTrail({ tenant: id })
    expect(trail.filter(({ action }) => action === 'tenant.secret.set')).toHaveLength(2)
    expect(shown([trail, await registry.find({ kind: 'id', value: id }), registry])).not.toContain('hunter2')
  })

  it('two of the same text look different', async () => {
    const registry = db.open({ keys: aesKeys(key) })
    const { id } = await create(registry)
    await registry.setSecret(id, 'a', secret('same'), by)
    await registry.setSecret(id, 'b', secret('same'), by)
    const rows = await db.sql(
      'admin',
      'select encode(ciphertext, $$hex$$) as hex from tenantry.registry_secrets where tenant = $1',
      [id],
    )
    expect(rows[0]?.hex).not.toBe(rows[1]?.hex)
  })

  describe('are good for their tenant, their name and their key only', () => {
    it('one that was put in the place of another is refused', async () => {
      const registry = db.open({ keys: aesKeys(key) })
      const [one, two] = [await create(registry), await create(registry)]
      await registry.setSecret(one.id, 'dsn', secret(canary), by)
      await registry.setSecret(two.id, 'dsn', secret('of two'), by)
      await registry.setSecret(one.id, 'other', secret('of one'), by)
      const copy =
        'update tenantry.registry_secrets set ciphertext = (select ciphertext from tenantry.registry_secrets where tenant = $1 and name = $2) where tenant = $3 and name = $4'
      await db.sql('runtime', copy, [one.id, 'dsn', two.id, 'dsn'])
      await db.sql('runtime', copy, [one.id, 'dsn', one.id, 'other'])
      for (const [tenant, name] of [
        [two.id, 'dsn'],
        [one.id, 'other'],
      ] as const) {
        const error = await failure(registry.getSecret(tenant, name))
        expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
        expect(shown(error)).not.toContain('hunter2')
      }
    })

    it('any bit that was changed is noticed', async () => {
      const port = aesKeys(key)
      const context = { tenant: 't', name: 'n' }
      const sealed = Buffer.from(await port.encrypt(Buffer.from('x'), context))
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const changed = Buffer.from(sealed)
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        await expect(port.decrypt(changed, context)).rejects.toThrow()
      }
      for (let length = 0; length < sealed.length; length++)
        await expect(port.decrypt(sealed.subarray(0, length), context)).rejects.toThrow()
      await expect(aesKeys(Buffer.alloc(32, 8)).decrypt(sealed, context)).rejects.toThrow()
      await expect(port.decrypt(sealed, { tenant: 't', name: 'n2' })).rejects.toThrow()
      expect(Buffer.from(await port.decrypt(sealed, context)).toString()).toBe('x')
    })

    it('a key shows itself to nobody, and must have 32 bytes', async () => {
      expect(shown(aesKeys(key))).not.toMatch(/07 07|BwcH|7,7/)
      for (const bad of [Buffer.alloc(31), Buffer.alloc(33), 'x'.repeat(32)])
        expect(await refusal(() => aesKeys(bad as never))).toBe('ARGUMENT_INVALID')
    })

    it('what a key store throws is not passed on: it may quote the secret', async () => {
      const keys: KeyPort = {
        encrypt: async plaintext => {
          throw new Error(`cannot encrypt ${Buffer.from(plaintext)}`)
        },
        decrypt: async () => Buffer.of(),
      }
      const { id } = await create(db.registry)
      const error = await failure(db.open({ keys }).setSecret(id, 'dsn', secret(canary), by))
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
      expect(shown(error)).not.toContain('hunter2')
    })
  })

  it('may be a reference, which is looked up when it is asked for', async () => {
    const registry = db.open({ secrets: envSecrets({ ACME_DSN: canary }) })
    const { id } = await create(registry)
    await registry.setSecret(id, 'dsn', { reference: 'ACME_DSN' }, by)
    expect((await registry.getSecret(id, 'dsn'))?.reveal()).toBe(canary)
    expect(await refusal(db.open().getSecret(id, 'dsn'))).toBe('CONFIG_INVALID')
  })

  it('are not kept without keys, nor for a tenant that is not there', async () => {
    const { id } = await create(db.registry)
    expect(await refusal(db.registry.setSecret(id, 'dsn', secret('x'), by))).toBe('CONFIG_INVALID')
    const registry = db.open({ keys: aesKeys(key) })
    expect(await refusal(registry.setSecret('nobody', 'dsn', secret('x'), by))).toBe('TENANT_NOT_FOUND')
    expect(await registry.getSecret(id, 'dsn')).toBeUndefined()
  })

  it('go with their name, or with their tenant', async () => {
    const registry = db.open({ keys: aesKeys(key) })
    const { id } = await create(registry)
    await registry.setSecret(id, 'a', secret('x'), by)
    await registry.setSecret(id, 'b', secret('y'), by)
    await registry.removeSecret(id, 'a', by)
    await registry.removeSecret(id, 'a', by)
    expect(await registry.getSecret(id, 'a')).toBeUndefined()
    expect((await registry.auditTrail({ tenant: id })).map(({ action }) => action)).toEqual([
      'tenant.create',
      'tenant.secret.set',
      'tenant.secret.set',
      'tenant.secret.remove',
    ])
    await remove(registry, id)
    expect(await db.sql('admin', 'select from tenantry.registry_secrets where tenant = $1', [id])).toEqual([])
  })
})
