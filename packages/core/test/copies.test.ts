import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as first from '../src/index.ts'
import { recorder, refusal } from './support.ts'

const core = fileURLToPath(new URL('..', import.meta.url))
let folder: string
let second: typeof first

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenantry-copy-'))
  await cp(join(core, 'src'), join(folder, 'src'), { recursive: true })
  await symlink(join(core, 'node_modules'), join(folder, 'node_modules'))
  second = await import(/* @vite-ignore */ join(folder, 'src/index.ts'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('X14 a second copy of the package in one process', () => {
  it('warns with TENANTRY_DUPLICATE once, and naming both', async () => {
    const warnings: (Error & { code?: string })[] = []
    const listen = (warning: Error) => void warnings.push(warning)
    process.on('warning', listen)
    try {
      for (let n = 0; n < 3; n += 1) {
        first.createTenancy({ registry: first.memoryRegistry() })
        second.createTenancy({ registry: second.memoryRegistry() })
      }
      await new Promise(setImmediate)
    } finally {
      process.off('warning', listen)
    }
    expect(warnings.map(({ code }) => code)).toEqual(['TENANTRY_DUPLICATE'])
    expect(warnings[0]?.message).toContain(join(core, 'src'))
    expect(warnings[0]?.message).toContain(folder)
  })

  it('has contexts of its own, so that code which asks the wrong copy is refused', async () => {
    const registry = first.memoryRegistry()
    const acme = registry.add({ slug: 'acme', name: 'Acme' })
    const one = first.createTenancy({ registry, logger: recorder() })
    const two = second.createTenancy({ registry, logger: recorder() })
    await one.run(acme, () => refusal('TENANT_CONTEXT_MISSING', () => two.current()))
  })

  it('reads the errors and the tenants of the other one', async () => {
    const acme = second.memoryRegistry().add({ slug: 'acme', name: 'Acme', status: 'suspended' })
    const one = first.createTenancy({ registry: second.memoryRegistry(), logger: recorder() })
    await refusal('TENANT_SUSPENDED', () => one.run(acme, () => 'never'))
    const error = new second.TenancyError('TENANT_NOT_FOUND', { key: 'slug acme' })
    expect(error).not.toBeInstanceOf(first.TenancyError)
    expect(first.isTenancyError(error)).toBe(true)
    expect(first.problemOf(error).status).toBe(404)
  })
})
