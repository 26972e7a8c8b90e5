import type { Scene } from '@tenantry/demo'

const base = 'notes.localhost'
const acme = `acme.${base}`
const globex = `globex.${base}`

/** What everyone may do, and what it must show. */
export const visits: readonly Scene[] = [
  {
    who: 'acme',
    what: 'write a note',
    call: { method: 'POST', host: acme, path: '/notes', body: { text: 'anvils' } },
    status: 201,
    says: 'anvils',
  },
  {
    who: 'acme',
    what: 'write another, by path',
    call: { method: 'POST', host: base, path: '/t/acme/notes', body: { text: 'rockets' } },
    status: 201,
    says: 'rockets',
  },
  {
    who: 'globex',
    what: 'write a note',
    call: { method: 'POST', host: globex, path: '/notes', body: { text: 'lasers' } },
    status: 201,
    says: 'lasers',
  },
  {
    who: 'initech',
    what: 'write a note, by path',
    call: { method: 'POST', host: base, path: '/t/initech/notes', body: { text: 'staplers' } },
    status: 201,
    says: 'staplers',
  },
  {
    who: 'acme',
    what: 'list, by subdomain',
    call: { host: acme, path: '/notes' },
    status: 200,
    says: 'anvils, rockets',
  },
  {
    who: 'acme',
    what: 'list, by path',
    call: { host: base, path: '/t/acme/notes' },
    status: 200,
    says: 'anvils, rockets',
  },
  { who: 'globex', what: 'list, by subdomain', call: { host: globex, path: '/notes' }, status: 200, says: 'lasers' },
  {
    who: 'initech',
    what: 'list, by path',
    call: { host: base, path: '/t/initech/notes' },
    status: 200,
    says: 'staplers',
  },
]

/** The obvious attacks, and the refusal of each. `globexId` and `globexNote` are ids that only globex should know. */
export function attacks(globexId: string, globexNote: number): readonly Scene[] {
  const stolen = { text: 'mine now', tenant_id: globexId }
  return [
    {
      who: 'acme',
      what: 'write with globex’s id in the body',
      call: { method: 'POST', host: acme, path: '/notes', body: stolen },
      status: 403,
      says: '42501',
    },
    {
      who: 'acme',
      what: 'read globex’s note by its id',
      call: { host: acme, path: `/notes/${globexNote}` },
      status: 404,
      says: 'No such note.',
    },
    {
      who: 'acme',
      what: 'delete everything',
      call: { method: 'DELETE', host: acme, path: '/notes' },
      status: 200,
      says: 'deleted 2',
    },
    { who: 'globex', what: 'list afterwards', call: { host: globex, path: '/notes' }, status: 200, says: 'lasers' },
    { who: 'stranger', what: 'no tenant', call: { host: base, path: '/notes' }, status: 400, says: 'TENANT_ABSENT' },
    {
      who: 'stranger',
      what: 'an unknown tenant',
      call: { host: `umbrella.${base}`, path: '/notes' },
      status: 404,
      says: 'TENANT_NOT_FOUND',
    },
    {
      who: 'stranger',
      what: 'an unknown domain',
      call: { host: 'evil.example', path: '/notes' },
      status: 404,
      says: 'TENANT_NOT_FOUND',
    },
    {
      who: 'stranger',
      what: 'acme’s host, globex’s path',
      call: { host: acme, path: '/t/globex/notes' },
      status: 403,
      says: 'TENANT_AMBIGUOUS',
    },
    {
      who: 'initech',
      what: 'list, once suspended',
      call: { host: `initech.${base}`, path: '/notes' },
      status: 403,
      says: 'TENANT_SUSPENDED',
    },
  ]
}

/** An answer in a few words. */
export function describeAnswer(body: unknown): string {
  if (Array.isArray(body)) return body.map(describeAnswer).join(', ') || 'nothing'
  if (typeof body !== 'object' || body === null) return String(body)
  const { code, text, deleted, title } = body as Record<string, unknown>
  if (deleted !== undefined) return `deleted ${deleted}`
  return String(code ?? text ?? title)
}
