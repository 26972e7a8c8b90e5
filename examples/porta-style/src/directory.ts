import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { TenancyError } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'

/** A person of an organization. */
export interface User {
  readonly id: string
  readonly email: string
  readonly name: string
}

/** What logs people in for an application of an organization. */
export interface Client {
  readonly id: string
  readonly application: string
  readonly name: string
  readonly redirect_uri: string
}

const derive = promisify(scrypt) as (password: string, salt: Buffer, length: number) => Promise<Buffer>
// As much work for an address that nobody has as for one that somebody has.
const nobody = `${'0'.repeat(32)}:${'0'.repeat(64)}`

async function hashOf(password: string, salt = randomBytes(16)): Promise<string> {
  return `${salt.toString('hex')}:${(await derive(password, salt, 32)).toString('hex')}`
}

function text(field: string, value: unknown, most = 200): string {
  if (typeof value === 'string' && value.trim() !== '' && value.length <= most && !value.includes('\0')) return value
  throw new TenancyError('INPUT_INVALID', { field, rule: `must be text of 1–${most} characters` })
}

/** People and clients of whichever organization is current. No statement says which; see that none needs to. */
export function directory(rows: TenantPool) {
  return {
    async addUser(input: Readonly<Record<string, unknown>>): Promise<User> {
      const values = [text('email', input.email).toLowerCase(), text('name', input.name)]
      const { rows: made } = await rows.query<User>(
        'insert into users (email, name, password) values ($1, $2, $3) returning id, email, name',
        [...values, await hashOf(text('password', input.password))],
      )
      return made[0] as User
    },
    async setPassword(email: string, password: string): Promise<void> {
      await rows.query('update users set password = $2 where email = $1', [email, await hashOf(password)])
    },
    async userOf(email: string): Promise<User | undefined> {
      const { rows: found } = await rows.query<User>('select id, email, name from users where email = $1', [email])
      return found[0]
    },
    async user(id: string): Promise<User | undefined> {
      const { rows: found } = await rows.query<User>('select id, email, name from users where id::text = $1', [id])
      return found[0]
    },
    /** @returns `undefined` for a wrong password as for an address that nobody has. */
    async login(email: unknown, password: unknown): Promise<User | undefined> {
      if (typeof email !== 'string' || typeof password !== 'string' || /\0/.test(email)) return undefined
      const { rows: found } = await rows.query<User & { password: string }>('select * from users where email = $1', [
        email.toLowerCase(),
      ])
      const [salt = '', hash = ''] = (found[0]?.password ?? nobody).split(':')
      const given = await derive(password, Buffer.from(salt, 'hex'), 32)
      const same = timingSafeEqual(given, Buffer.from(hash, 'hex'))
      return same && found[0] !== undefined
        ? { id: found[0].id, email: found[0].email, name: found[0].name }
        : undefined
    },
    async addClient(input: Readonly<Record<string, unknown>>): Promise<Client> {
      const application = text('application', input.application)
      const redirect = text('redirect_uri', input.redirect_uri, 2000)
      if (!URL.canParse(redirect) || !/^https?:$/.test(new URL(redirect).protocol)) {
        throw new TenancyError('INPUT_INVALID', { field: 'redirect_uri', rule: 'must be an address of the web' })
      }
      const values = [text('id', input.id), application, text('name', input.name), redirect]
      await rows.query('insert into organization_applications (application) values ($1) on conflict do nothing', [
        application,
      ])
      const { rows: made } = await rows.query<Client>(
        'insert into clients (id, application, name, redirect_uri) values ($1, $2, $3, $4) returning id, application, name, redirect_uri',
        values,
      )
      return made[0] as Client
    },
    async client(id: unknown): Promise<Client | undefined> {
      if (typeof id !== 'string' || id.includes('\0')) return undefined
      const { rows: found } = await rows.query<Client>(
        'select id, application, name, redirect_uri from clients where id = $1',
        [id],
      )
      return found[0]
    },
    async addRole(user: string, application: string, role: string): Promise<void> {
      await rows.query(
        'insert into user_roles (user_id, application, role) values ($1, $2, $3) on conflict do nothing',
        [user, application, role],
      )
    },
    async rolesOf(user: string, application: string): Promise<readonly string[]> {
      const { rows: found } = await rows.query<{ role: string }>(
        'select role from user_roles where user_id::text = $1 and application = $2 order by role',
        [user, application],
      )
      return found.map(({ role }) => role)
    },
    async setClaim(user: string, claim: string, value: string): Promise<void> {
      await rows.query(
        `insert into user_claims (user_id, claim, value) values ($1, $2, $3)
         on conflict (tenant_id, user_id, claim) do update set value = excluded.value`,
        [user, text('claim', claim), text('value', value)],
      )
    },
    async claimsOf(user: string): Promise<Readonly<Record<string, string>>> {
      const { rows: found } = await rows.query<{ claim: string; value: string }>(
        'select claim, value from user_claims where user_id::text = $1 order by claim',
        [user],
      )
      return Object.fromEntries(found.map(({ claim, value }) => [claim, value]))
    },
  }
}

export type Directory = ReturnType<typeof directory>
