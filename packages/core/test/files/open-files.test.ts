import { execFile } from 'node:child_process'
import { constants, existsSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openBeneath } from '../../src/files/open-beneath.ts'
import { openChecked } from '../../src/files/open-checked.ts'
import { isTenancyError, type TenantFiles, tenantFiles } from '../../src/index.ts'
import { refusal } from '../support.ts'

const acme = { id: 'acme' }
const beta = { id: 'beta' }
const hidden = 'of beta'

let scratch: string
let root: string
let files: TenantFiles
beforeEach(async () => {
  scratch = await fs.mkdtemp(join(tmpdir(), 'tenantry-files-'))
  root = join(scratch, 'root')
  await fs.mkdir(join(root, 't-acme/sub'), { recursive: true })
  await fs.mkdir(join(root, 't-beta/sub'), { recursive: true })
  await fs.writeFile(join(root, 't-beta/note'), hidden)
  await fs.writeFile(join(root, 't-beta/sub/note'), hidden)
  files = tenantFiles({ root })
})
afterEach(() => fs.rm(scratch, { recursive: true, force: true }))

const write = async (name: string, text: string, mode: 'create' | 'replace' | 'append' = 'create') => {
  const file = await files.open(acme, name, mode)
  await file.writeFile(text)
  await file.close()
}
const read = async (name: string) => {
  const file = await files.open(acme, name)
  try {
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
const openDescriptors = async () => (await fs.readdir('/proc/self/fd')).length

describe('files of a tenant on a disk', () => {
  it('are read where they were written, each tenant its own', async () => {
    await write('a/b/note', 'of acme')
    expect(await read('a/b/note')).toBe('of acme')
    expect(await fs.readFile(files.path(acme, 'a/b/note'), 'utf8')).toBe('of acme')
    await expect(files.open(beta, 'a/b/note')).rejects.toMatchObject({ code: 'ENOENT' })
    await write('a/b/note', 'new', 'replace')
    expect(await read('a/b/note')).toBe('new')
    await write('a/b/note', 'er', 'append')
    expect(await read('a/b/note')).toBe('newer')
  })

  it('F6 are made for one user, and never over what is there', async () => {
    await write('tmp/x', '1')
    expect((await fs.stat(files.path(acme, 'tmp/x'))).mode & 0o777).toBe(0o600)
    expect((await fs.stat(files.path(acme, 'tmp'))).mode & 0o777).toBe(0o700)
    await expect(files.open(acme, 'tmp/x', 'create')).rejects.toMatchObject({ code: 'EEXIST' })
  })

  it('are not made by reading', async () => {
    await expect(files.open({ id: 'new' }, 'x/y')).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await fs.readdir(root)).toEqual(['t-acme', 't-beta'])
  })

  it('are called by their own path in the errors of the disk', async () => {
    const path = files.path(acme, 'ghost')
    await expect(files.open(acme, 'ghost')).rejects.toMatchObject({
      path,
      message: `ENOENT: no such file or directory, open '${path}'`,
    })
  })

  it('know no other modes', async () => {
    for (const mode of ['w', 'constructor', '', 'READ'])
      await refusal('ARGUMENT_INVALID', () => files.open(acme, 'x', mode as 'read'))
  })

  it.each(['read', 'create', 'replace', 'append'] as const)(
    'F2 are not opened through a link, whose target is neither read, changed nor made: %s',
    async mode => {
      await fs.symlink(join(root, 't-beta/note'), join(root, 't-acme/last'))
      await fs.symlink(join(root, 't-beta/new'), join(root, 't-acme/dangling'))
      await fs.symlink('../t-beta', join(root, 't-acme/middle'))
      await fs.symlink('sub', join(root, 't-acme/own'))
      await fs.symlink('loop', join(root, 't-acme/loop'))
      await fs.symlink(join(root, 't-beta'), join(root, 't-gamma'))
      for (const [tenant, name] of [
        [acme, 'last'],
        [acme, 'dangling'],
        [acme, 'middle/note'],
        [acme, 'middle/sub/note'],
        [acme, 'own/note'],
        [acme, 'loop/note'],
        [{ id: 'gamma' }, 'note'],
      ] as const) {
        const attempt = files.open(tenant, name, mode)
        // What is to be made may say that something is there; a link that leads nowhere is something.
        if (mode === 'create' && !name.includes('/') && tenant === acme)
          await expect(attempt).rejects.toMatchObject({ code: 'EEXIST' })
        else await refusal('PATH_INVALID', () => attempt)
      }
      expect(await fs.readFile(join(root, 't-beta/note'), 'utf8')).toBe(hidden)
      expect((await fs.readdir(join(root, 't-beta'))).sort()).toEqual(['note', 'sub'])
      expect(await fs.readdir(join(root, 't-beta/sub'))).toEqual(['note'])
    },
  )

  it('F2 are not opened where they have a second name, and not emptied there', async () => {
    await fs.link(join(root, 't-beta/note'), join(root, 't-acme/hard'))
    for (const mode of ['read', 'replace', 'append'] as const)
      await refusal('PATH_INVALID', () => files.open(acme, 'hard', mode))
    expect(await fs.readFile(join(root, 't-beta/note'), 'utf8')).toBe(hidden)
  })

  it('F2 are not opened through a file, nor a folder or a pipe in their place, for which nobody waits', async () => {
    await write('file', 'x')
    await refusal('PATH_INVALID', () => files.open(acme, 'file/x'))
    await refusal('PATH_INVALID', () => files.open(acme, 'file/x', 'create'))
    await refusal('PATH_INVALID', () => files.open(acme, 'sub'))
    await promisify(execFile)('mkfifo', [join(root, 't-acme/pipe')])
    await refusal('PATH_INVALID', () => files.open(acme, 'pipe'))
  })

  it.skipIf(!existsSync('/proc/self/fd'))('leave nothing open, whatever comes of it (counted in /proc)', async () => {
    await fs.symlink('../t-beta', join(root, 't-acme/middle'))
    await write('a/b/c/d', 'x')
    const before = await openDescriptors()
    for (let n = 0; n < 50; n++) {
      await read('a/b/c/d')
      await refusal('PATH_INVALID', () => files.open(acme, 'middle/note'))
      await refusal('PATH_INVALID', () => files.open(acme, 'sub'))
      await expect(files.open(acme, 'a/b/ghost')).rejects.toThrow('ENOENT')
    }
    expect(await openDescriptors()).toBeLessThanOrEqual(before + 1)
  })

  it('may have a root that is behind a link, which the operator has made', async () => {
    await fs.symlink(root, join(scratch, 'link'))
    await write('note', 'x')
    const file = await tenantFiles({ root: join(scratch, 'link') }).open(acme, 'note')
    expect(await file.readFile('utf8')).toBe('x')
    await file.close()
  })
})

/** Puts a link in place of a folder and the folder back, again and again, until told to stop. */
async function swapping<T>(folder: string, target: string, work: () => Promise<T>): Promise<T> {
  let isOver = false
  const swaps = (async () => {
    await fs.symlink(target, `${folder}-link`)
    while (!isOver) {
      await fs.rename(folder, `${folder}-aside`)
      await fs.rename(`${folder}-link`, folder)
      if (Math.random() < 0.5) await setTimeout(2 * Math.random())
      await fs.rename(folder, `${folder}-link`)
      await fs.rename(`${folder}-aside`, folder)
      // Long enough for some to get through, now and then.
      if (Math.random() < 0.5) await setTimeout(2 * Math.random())
    }
  })()
  try {
    return await work()
  } finally {
    isOver = true
    await swaps
  }
}

// Both ways of opening, as either is run where the other is not.
describe.each([
  ['openBeneath, on Linux', openBeneath],
  ['openChecked, elsewhere', openChecked],
] as const)('F2 a folder that is a link for a moment: %s', (name, open) => {
  // The way behind the folder is long, so that there is time to swap it while somebody walks.
  const deep = Array.from({ length: 10 }, () => 'd')
  const parts = ['t-acme', 'sub', ...deep, 'note'] as const
  beforeEach(async () => {
    for (const [tenant, text] of [
      ['t-acme', 'of acme'],
      ['t-beta', hidden],
    ] as const) {
      await fs.mkdir(join(root, tenant, 'sub', ...deep), { recursive: true })
      await fs.writeFile(join(root, tenant, 'sub', ...deep, 'note'), text)
    }
  })

  it('F2 is refused when it is a link all the time', async () => {
    await fs.rm(join(root, 't-acme/sub'), { recursive: true })
    await fs.symlink(join(root, 't-beta/sub'), join(root, 't-acme/sub'))
    await refusal('PATH_INVALID', () => open(root, parts, constants.O_RDONLY, false))
    await refusal('PATH_INVALID', () => open(root, parts, constants.O_RDWR | constants.O_CREAT, true))
    await refusal('PATH_INVALID', () =>
      open(root, ['t-acme', 'sub', 'new'], constants.O_RDWR | constants.O_CREAT, true),
    )
    expect((await fs.readdir(join(root, 't-beta/sub'))).sort()).toEqual(['d', 'note'])
    await fs.symlink(join(root, 't-beta/note'), join(root, 't-acme/last'))
    await refusal('PATH_INVALID', () => open(root, ['t-acme', 'last'], constants.O_RDONLY, false))
  })

  it('F2 gives the tenant’s own file or none, in two seconds of swaps', { timeout: 30_000 }, async () => {
    const seen = { own: 0, refused: 0, missing: 0 }
    await swapping(join(root, 't-acme/sub'), join(root, 't-beta/sub'), async () => {
      const end = performance.now() + 2000
      while (performance.now() < end) {
        try {
          const file = await open(root, parts, constants.O_RDONLY, false)
          const text = await file.readFile('utf8')
          await file.close()
          expect(text).toBe('of acme')
          seen.own += 1
        } catch (error) {
          if (isTenancyError(error)) {
            expect(error.code).toBe('PATH_INVALID')
            seen.refused += 1
          } else {
            expect(error).toMatchObject({ code: 'ENOENT' })
            seen.missing += 1
          }
        }
      }
    })
    // The swaps were seen, or this has shown nothing.
    expect(Math.min(seen.own, seen.refused)).toBeGreaterThan(10)
  })

  it('F2 has nothing written to it on the other side, in two seconds of swaps', { timeout: 30_000 }, async () => {
    const seen = { made: 0, refused: 0, missing: 0 }
    const outside = join(root, 't-beta/sub', ...deep)
    await swapping(join(root, 't-acme/sub'), join(root, 't-beta/sub'), async () => {
      const end = performance.now() + 2000
      for (let n = 0; performance.now() < end; n++) {
        try {
          const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
          const file = await open(root, ['t-acme', 'sub', ...deep, `made-${n}`], flags, false)
          await file.writeFile('of acme')
          await file.close()
          seen.made += 1
        } catch (error) {
          if (isTenancyError(error)) seen.refused += 1
          else {
            expect(error).toMatchObject({ code: 'ENOENT' })
            seen.missing += 1
          }
        }
      }
    })
    expect(Math.min(seen.made, seen.refused)).toBeGreaterThan(10)
    for (const file of await fs.readdir(outside)) {
      if (file === 'note') continue
      // Node cannot do better where there is no /proc: a file may be made there, but stays empty.
      expect(name).toContain('openChecked')
      expect((await fs.stat(join(outside, file))).size).toBe(0)
    }
    expect(await fs.readFile(join(outside, 'note'), 'utf8')).toBe(hidden)
  })
})
