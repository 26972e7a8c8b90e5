import type { Call, Scene } from '@tenantry/demo'

/** What an operator and visitors do, and what each must see. `key` is that of the tenancy API. */
export function scenes(key: string): readonly Scene[] {
  const longest = `t_${'x'.repeat(62)}`
  const api = (method: string, path: string, body?: unknown): Call => ({
    ...{ method, host: 'authentik.tld', path: `/tenancy${path}`, headers: { authorization: `Bearer ${key}` } },
    ...(body === undefined ? {} : { body }),
  })
  const list = (host: string): Call => ({ host, path: '/notes' })
  const write = (host: string, text: string): Call => ({ method: 'POST', host, path: '/notes', body: { text } })
  const operator = (what: string, call: Call, status: number, says: string): Scene => ({
    ...{ who: 'operator', what, call, status, says },
  })
  const visitor = (what: string, call: Call, status: number, says: string): Scene => ({
    ...{ who: call.host, what, call, status, says },
  })
  const stealing = (from: string): Call => ({
    host: 'globex.example',
    path: `/notes?order=${encodeURIComponent(`(select text from ${from} limit 1)`)}`,
  })

  return [
    visitor('write a note, in the default tenant', write('authentik.tld', 'ours'), 201, 'ours'),
    operator(
      'list the tenants without a key',
      { host: 'authentik.tld', path: '/tenancy/tenants' },
      401,
      'CREDENTIAL_INVALID',
    ),
    operator(
      'create t_example',
      api('POST', '/tenants', { name: 'Example', schema_name: 't_example' }),
      201,
      't_example',
    ),
    operator(
      'create x_example',
      api('POST', '/tenants', { name: 'X', schema_name: 'x_example' }),
      400,
      'INPUT_INVALID',
    ),
    operator(
      'create t_xxx…, of 64 bytes',
      api('POST', '/tenants', { name: 'X', schema_name: longest }),
      400,
      'INPUT_INVALID',
    ),
    operator(
      'create t_example again',
      api('POST', '/tenants', { name: 'X', schema_name: 't_example' }),
      409,
      'TENANT_EXISTS',
    ),
    visitor('list, before it has the domain', list('example.org'), 200, 'ours'),
    operator('give it example.org', api('PUT', '/tenants/t_example/domains/example.org'), 201, 'example.org'),
    operator('and example.net', api('PUT', '/tenants/t_example/domains/Example.NET'), 201, 'example.net'),
    visitor('list, cloned from the template', list('example.org'), 200, 'nothing'),
    visitor('write a note', write('example.org', 'anvils'), 201, 'anvils'),
    visitor('list, the same tenant', list('example.net'), 200, 'anvils'),
    visitor('list, the default tenant', list('subdomain.example.org'), 200, 'ours'),
    visitor('list, the default tenant', list('any.other.tld'), 200, 'ours'),

    operator('create t_globex', api('POST', '/tenants', { name: 'Example', schema_name: 't_globex' }), 201, 't_globex'),
    operator('give it globex.example', api('PUT', '/tenants/t_globex/domains/globex.example'), 201, 'globex.example'),
    visitor('write a note', write('globex.example', 'lasers'), 201, 'lasers'),
    visitor('inject SQL: read t_example.notes', stealing('t_example.notes'), 403, '42501'),
    visitor('inject SQL: read public.notes', stealing('public.notes'), 403, '42501'),
    visitor('inject SQL: read the registry', stealing('tenancy.domains'), 403, '42501'),
    visitor('add a licence of 50 seats', licence('example.org', 'k1'), 201, '50 seats'),
    visitor('add another', licence('example.org', 'k2'), 201, '50 seats'),
    visitor('count the seats', { host: 'example.org', path: '/licence' }, 200, '100 seats'),
    visitor('count the seats', { host: 'globex.example', path: '/licence' }, 200, '0 seats'),
    visitor('save logo.svg', file('PUT', 'example.org', 'logo.svg', '<svg/>'), 201, 'logo.svg'),
    visitor('fetch logo.svg', file('GET', 'example.net', 'logo.svg'), 200, '<svg/>'),
    visitor('fetch logo.svg', file('GET', 'globex.example', 'logo.svg'), 404, 'No such file.'),
    visitor(
      'fetch ../t_example/logo.svg',
      file('GET', 'globex.example', '../t_example/logo.svg'),
      400,
      'REQUEST_INVALID',
    ),
    visitor('fetch /etc/passwd', file('GET', 'globex.example', '/etc/passwd'), 400, 'REQUEST_INVALID'),

    operator('delete the default tenant', api('DELETE', '/tenants/public'), 409, 'TENANT_PROTECTED'),
    operator('delete t_globex', api('DELETE', '/tenants/t_globex'), 200, 'erased 1 row, 0 files'),
    visitor('list, the default tenant again', list('globex.example'), 200, 'ours'),
    operator('list the tenants', api('GET', '/tenants'), 200, 'public active, t_example active'),
  ]
}

/** What a second process answers that has been started without `TENANTS_ENABLED`, on the same database. */
export function withoutApi(key: string): readonly Scene[] {
  const call = { host: 'authentik.tld', path: '/tenancy/tenants', headers: { authorization: `Bearer ${key}` } }
  return [
    { who: 'operator', what: 'list, TENANTS_ENABLED not set', call, status: 404, says: 'Not found.' },
    { who: 'example.org', what: 'list', call: { host: 'example.org', path: '/notes' }, status: 200, says: 'anvils' },
  ]
}

function licence(host: string, key: string): Call {
  return { method: 'POST', host, path: '/licence', body: { key, seats: 50 } }
}

function file(method: string, host: string, name: string, text?: string): Call {
  const path = `/files/${encodeURIComponent(name)}`
  return { method, host, path, ...(text === undefined ? {} : { body: Buffer.from(text) }) }
}

/** An answer in a few words. */
export function describeAnswer(body: unknown): string {
  if (Array.isArray(body)) return body.map(describeAnswer).join(', ') || 'nothing'
  if (typeof body !== 'object' || body === null) return String(body)
  const { code, text, seats, file, domain, status, schema_name, erased, title } = body as Record<string, unknown>
  if (seats !== undefined) return `${seats} seats`
  if (erased !== undefined) return describeErasure(erased as readonly Erased[])
  if (typeof status === 'string') return `${schema_name} ${status}`
  return String(code ?? text ?? file ?? domain ?? schema_name ?? title)
}

interface Erased {
  readonly kind: string
  readonly name: string
  readonly count: number
}

function describeErasure(erased: readonly Erased[]): string {
  const count = (holds: (one: Erased) => boolean) => erased.filter(holds).reduce((sum, one) => sum + one.count, 0)
  const rows = count(({ kind, name }) => kind === 'table' && !name.endsWith('.migrations'))
  return `erased ${rows} row${rows === 1 ? '' : 's'}, ${count(({ kind }) => kind === 'files')} files`
}
