import { randomBytes } from 'node:crypto'
import type { PostgresDescriptor, PostgresRole } from './postgres-descriptor.ts'
import { scramVerifier } from './scram-verifier.ts'
import { execute, urlFor, withClient } from './sql.ts'

const role = (name: string): PostgresRole => ({ name, password: randomBytes(24).toString('hex') })
const create = ({ name, password }: PostgresRole, attributes = 'nocreaterole') =>
  `create role ${name} login nosuperuser nocreatedb noreplication nobypassrls ${attributes}
   password '${scramVerifier(password)}'`

/** Makes the roles of a deployment and the template of fresh databases, under names that no other run uses. */
export const setUpPostgres = async (
  adminUrl: string,
  source: PostgresDescriptor['source'],
): Promise<PostgresDescriptor> => {
  const run = randomBytes(4).toString('hex')
  // A server of our own has plain names; on somebody's server two runs may meet, and leave when they end.
  const suffix = source === 'url' ? `_${run}` : ''
  const owner = role(`tenantry_owner${suffix}`)
  const runtime = role(`tenantry_runtime${suffix}`)
  const provisioner = role(`tenantry_provisioner${suffix}`)
  const template = `tenantry_${run}_template`
  const version = await withClient(adminUrl, async client => {
    const { rows } = await client.query<{ server_version: string }>('show server_version')
    return rows[0]?.server_version.split(' ')[0] ?? 'unknown'
  })

  await execute(adminUrl, [
    create(owner),
    // So that it has what is granted to another role only while it is that role.
    create(runtime, 'nocreaterole noinherit'),
    create(provisioner, 'createrole'),
    // To end what a suspended tenant still does.
    `grant pg_signal_backend to ${provisioner.name}`,
    `create database ${template} owner ${owner.name} template template0 encoding 'UTF8' locale 'C'`,
  ])
  await execute(urlFor(adminUrl, template), [
    `alter schema public owner to ${owner.name}`,
    'revoke all on schema public from public',
    `grant usage on schema public to ${runtime.name}`,
  ])
  await execute(adminUrl, [
    `alter database ${template} with is_template true allow_connections false`,
    ...(source === 'url' ? [] : ['postgres', 'template1'].map(name => `revoke all on database ${name} from public`)),
  ])
  return {
    source,
    version,
    major: Number.parseInt(version, 10),
    adminUrl,
    owner,
    runtime,
    provisioner,
    template,
    prefix: `tenantry_${run}_`,
  }
}

/** Removes what {@link setUpPostgres} and fresh databases left on a server that keeps running. */
export const clearPostgres = ({ adminUrl, prefix, template, ...roles }: PostgresDescriptor): Promise<void> =>
  withClient(adminUrl, async client => {
    await client.query(`alter database ${template} with is_template false`)
    const { rows } = await client.query<{ datname: string }>(
      'select datname from pg_database where starts_with(datname, $1)',
      [prefix],
    )
    for (const { datname } of rows) await client.query(`drop database if exists "${datname}" with (force)`)
    const made = await client.query<{ rolname: string }>(
      'select rolname from pg_roles where starts_with(rolname, $1)',
      [prefix],
    )
    for (const { rolname } of made.rows) await client.query(`drop role "${rolname}"`)
    for (const { name } of [roles.owner, roles.runtime, roles.provisioner]) await client.query(`drop role ${name}`)
  })
