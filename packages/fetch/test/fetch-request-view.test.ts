import { createTenancy, header, host, memoryRegistry, singleHeader } from '@tenantry/core'
import { fetchRequestView } from '@tenantry/fetch'
import { describe, expect, it } from 'vitest'
import { silent } from './support.ts'

const invalid = expect.objectContaining({ code: 'REQUEST_INVALID', status: 400 })
const view = (url: string, headers: [string, string][] = [], options = {}) =>
  fetchRequestView(new Request(url, { headers }), options)

describe('the view of a Fetch request', () => {
  it.each([
    ['http://a.example.com/notes?page=2', '/notes?page=2'],
    ['https://a.example.com', '/'],
    ['http://a.example.com/t/%61cme//x;y?q=http://b/', '/t/%61cme//x;y?q=http://b/'],
  ])('E8 has the path and the query of %s as they are', (url, target) => {
    expect(view(url).target).toBe(target)
  })

  it('E4 takes every comma of a header for a second value', () => {
    const twice = view('http://a.example.com/', [
      ['x-tenant-id', 'acme'],
      ['x-tenant-id', 'globex'],
    ])
    expect(twice.header('x-tenant-id')).toEqual(['acme', 'globex'])
    expect(() => singleHeader(twice, 'x-tenant-id')).toThrow(invalid)
    const once = view('http://a.example.com/', [['x-tenant-id', 'acme']])
    expect([once.header('x-tenant-id'), once.header('x-other')]).toEqual([['acme'], []])
  })

  it.each([
    ['acme.example.com', 'http://acme.example.com/'],
    ['ACME.example.com:80', 'http://acme.example.com/'],
    ['acme.example.com:8443', 'https://acme.example.com/'],
    ['[::1]:80', 'http://[::1]/'],
  ])('E1 gives the Host header %s as it was sent, beside the URL %s', (name, url) => {
    expect(view(url, [['host', name]]).header('host')).toEqual([name])
  })

  it('E1 gives the authority of the URL where there is no header', () => {
    expect(view('https://acme.example.com:8443/').header('host')).toEqual(['acme.example.com:8443'])
    expect(view('https://acme.example.com/', [], { host: 'header' }).header('host')).toEqual([])
  })
})

describe('a tenant by its host', () => {
  const registry = memoryRegistry(['acme', 'globex'].map(slug => ({ id: slug, slug, name: slug })))
  const resolvers = [host({ baseDomains: ['example.com'] }), header({ kind: 'slug' })]
  const tenancy = createTenancy({ registry, resolvers, logger: silent })

  it.each([
    ['globex.example.com', 'http://acme.example.com/'],
    ['acme.example.com, globex.example.com', 'http://acme.example.com/'],
    ['user@acme.example.com', 'http://acme.example.com/'],
    ['%61cme.example.com', 'http://acme.example.com/'],
    ['', 'http://acme.example.com/'],
  ])('E1 E4 refuses the header %j beside the URL %s', async (name, url) => {
    await expect(tenancy.resolve(view(url, [['host', name]]))).rejects.toEqual(invalid)
  })

  it('E1 is that of the header where the server makes the URL of its own', async () => {
    const own = view('http://localhost:3000/', [['host', 'globex.example.com']], { host: 'header' })
    expect(await tenancy.resolve(own)).toMatchObject({ id: 'globex' })
    const none = view('http://acme.example.com/', [], { host: 'header' })
    await expect(tenancy.resolve(none)).rejects.toMatchObject({ code: 'TENANT_ABSENT' })
  })

  it('E3 E4 refuses a header that two proxies have set', async () => {
    const twice = view('http://acme.example.com/', [
      ['x-tenant-id', 'acme'],
      ['x-tenant-id', 'acme'],
    ])
    await expect(tenancy.resolve(twice)).rejects.toEqual(invalid)
  })
})
