import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { filesParticipant, memoryRegistry, tenantFiles } from '../../src/index.ts'

const registry = memoryRegistry()
const [acme, other] = [
  registry.add({ id: 'Acme', slug: 'acme', name: 'Acme' }),
  registry.add({ id: 'Acme2', slug: 'other', name: 'Other' }),
]
const folder = 't-.acme'

async function ground() {
  const root = await mkdtemp(join(tmpdir(), 'tenantry-files-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  return { root, files: tenantFiles({ root }), part: filesParticipant({ root }) }
}

it('L3 G11 a tenant’s folder is made, counted and erased, and no other’s', async () => {
  const { root, files, part } = await ground()
  expect(await part.inventory(acme)).toEqual([])
  expect(await part.deprovision(acme, '')).toEqual({ tenant: 'Acme', erased: [] })
  for (const tenant of [acme, other, acme]) await part.provision(tenant, '')
  expect(await part.inventory(acme)).toEqual([{ kind: 'folder', name: folder, count: 1 }])
  for (const tenant of [acme, other])
    for (const name of ['a.txt', 'deep/er/b.txt']) {
      const file = await files.open(tenant, name, 'create')
      await file.writeFile('12345')
      await file.close()
    }
  const held = [
    { kind: 'folder', name: folder, count: 1 },
    { kind: 'file', name: folder, count: 2 },
    { kind: 'byte', name: folder, count: 10 },
  ]
  expect(await part.inventory(acme)).toEqual(held)
  expect(await part.deprovision(acme, '')).toEqual({ tenant: 'Acme', erased: held })
  expect(await part.inventory(acme)).toEqual([])
  expect(existsSync(join(root, folder))).toBe(false)
  expect(await part.deprovision(acme, '')).toEqual({ tenant: 'Acme', erased: [] })
  expect((await part.inventory(other)).map(({ count }) => count)).toEqual([1, 2, 10])
})

it('F2 L5 no link is followed: what it leads to is neither counted nor erased', async () => {
  const { root, part } = await ground()
  const outside = await mkdtemp(join(tmpdir(), 'tenantry-outside-'))
  onTestFinished(() => rm(outside, { recursive: true, force: true }))
  await writeFile(join(outside, 'kept.txt'), 'kept')
  await part.provision(acme, '')
  await mkdir(join(root, folder, 'sub'))
  await symlink(outside, join(root, folder, 'sub', 'folder'))
  await symlink(join(outside, 'kept.txt'), join(root, folder, 'file'))
  expect(await part.inventory(acme)).toEqual([
    { kind: 'folder', name: folder, count: 1 },
    { kind: 'file', name: folder, count: 2 },
  ])
  await part.deprovision(acme, '')
  expect(await readFile(join(outside, 'kept.txt'), 'utf8')).toBe('kept')
  await symlink(outside, join(root, folder))
  for (const work of [part.provision(acme, ''), part.inventory(acme), part.deprovision(acme, '')])
    await expect(work).rejects.toMatchObject({ code: 'PATH_INVALID' })
  expect(await readFile(join(outside, 'kept.txt'), 'utf8')).toBe('kept')
})

it('a root that is no absolute path, and what is no tenant’s id, are refused', async () => {
  expect(() => filesParticipant({ root: 'files' })).toThrow(/absolute path/)
  const { part } = await ground()
  await expect(part.deprovision({ ...acme, id: '../etc' }, '')).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
})
