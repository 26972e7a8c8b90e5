import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryRegistry } from '@tenantry/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type FileIsolation, tenantFiles } from '../src/tenant-files.ts'

const tenantOf = (schema: string) => memoryRegistry().add({ slug: 'x', name: 'X', placement: { schema } })
const example = tenantOf('t_example')
const other = tenantOf('t_other')

let media: string
let files: FileIsolation
beforeEach(async () => {
  media = await mkdtemp(join(tmpdir(), 'tenantry-media-'))
  files = await tenantFiles(media)
  for (const tenant of [example, other]) await files.provision(tenant)
  await files.handle(() => other).write('logo.svg', Buffer.from('theirs'))
})
afterEach(() => rm(media, { recursive: true, force: true }))

it('T19 one name is another file for each tenant, in the folder of its schema', async () => {
  let tenant = example
  const { write, read, list } = files.handle(() => tenant)
  expect(await read('logo.svg')).toBeUndefined()
  await write('logo.svg', Buffer.from('a longer text'))
  await write('logo.svg', Buffer.from('ours'))
  expect(await readFile(join(media, 't_example', 'logo.svg'), 'utf8')).toBe('ours')
  expect(await list()).toEqual(['logo.svg'])
  tenant = other
  expect(String(await read('logo.svg'))).toBe('theirs')
})

it.each([
  ...['../t_other/logo.svg', '..', '.', '', '/etc/passwd', 't_other/../../x', './logo.svg', 'a/b', '.hidden'],
  ...['..\\t_other\\logo.svg', 'C:\\x', 'logo.svg\0', 'a\nb', 'ｌogo', '~', '%2e%2e', 'x'.repeat(101)],
])('T19 %j is no name of a file, and nothing is read or written', async name => {
  const { write, read } = files.handle(() => example)
  await expect(read(name)).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
  await expect(write(name, Buffer.from('mine'))).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
  expect(await readdir(join(media, 't_example'))).toEqual([])
  expect(await readFile(join(media, 't_other', 'logo.svg'), 'utf8')).toBe('theirs')
})

it('T19 a link in the folder leads nowhere', async () => {
  const { write, read } = files.handle(() => example)
  await symlink('../t_other/logo.svg', join(media, 't_example', 'logo.svg'))
  await expect(read('logo.svg')).rejects.toMatchObject({ code: 'ELOOP' })
  await expect(write('logo.svg', Buffer.from('mine'))).rejects.toMatchObject({ code: 'ELOOP' })
  expect(await readFile(join(media, 't_other', 'logo.svg'), 'utf8')).toBe('theirs')
})

it('T19 nor does a folder that is a link', async () => {
  await rm(join(media, 't_example'), { recursive: true })
  await symlink('t_other', join(media, 't_example'))
  const { write, read, list } = files.handle(() => example)
  for (const attempt of [() => read('logo.svg'), () => write('logo.svg', Buffer.from('mine')), list])
    await expect(attempt()).rejects.toMatchObject({ code: 'TENANT_STORE_MISSING' })
  await expect(files.provision(example)).rejects.toMatchObject({ code: 'TENANT_STORE_MISSING' })
  expect(await files.deprovision(example)).toMatchObject({ erased: [{ count: 0 }] })
  expect(await readFile(join(media, 't_other', 'logo.svg'), 'utf8')).toBe('theirs')
})

it.each(['', '..', '../x', 't_a/b', '/tmp', 't.x'])(
  'T19 a tenant whose storage key is %j has no folder',
  async schema => {
    const tenant = tenantOf(schema)
    for (const attempt of [
      () => files.provision(tenant),
      () => files.deprovision(tenant),
      files.handle(() => tenant).list,
    ])
      await expect(attempt()).rejects.toMatchObject({ code: 'ARGUMENT_INVALID' })
  },
)

it('a folder with files in it is never taken over', async () => {
  await mkdir(join(media, 't_old'))
  await files.provision(tenantOf('t_old'))
  await writeFile(join(media, 't_old', 'left.txt'), 'of somebody else')
  await expect(files.provision(tenantOf('t_old'))).rejects.toMatchObject({ code: 'OBJECT_FOREIGN' })
})

it('what is still written when a tenant is erased makes no folder again', async () => {
  const { write } = files.handle(() => other)
  expect(await files.deprovision(other)).toMatchObject({ erased: [{ kind: 'files', count: 1 }] })
  await expect(write('late.txt', Buffer.from('late'))).rejects.toMatchObject({ code: 'TENANT_STORE_MISSING' })
  expect(await readdir(media)).toEqual(['t_example'])
  expect(await files.deprovision(other)).toMatchObject({ erased: [{ count: 0 }] })
})
