import type { Broker } from './broker.ts'
import { attributesOf } from './owner-powers.ts'

interface Row {
  readonly name: string
  readonly creates: boolean
  readonly attributes: readonly string[]
  readonly uses: readonly string[]
}

/**
 * What is wrong with the role of a broker: it has CREATEROLE, and nothing else that reaches data. Since version 16 it holds the owner
 * roles of tenants with ADMIN OPTION only, by which it can lend them and not use them.
 *
 * @throws {TenancyError} `CREDENTIALS_UNAVAILABLE`
 */
export async function brokerProblems(broker: Broker): Promise<readonly string[]> {
  // Before version 16 memberships have no options: each one can be used. Whoever has logged in as another can be that one again.
  const { rows } = await broker.transaction(query =>
    query<Row>(
      `select r.rolname as name, r.rolcreaterole as creates, ${attributesOf} as attributes,
         array(select g.rolname::text from pg_auth_members m join pg_roles g on g.oid = m.roleid
                where m.member = r.oid and coalesce(
                  (to_jsonb(m) ->> 'inherit_option')::boolean or (to_jsonb(m) ->> 'set_option')::boolean, true)
                order by 1) as uses
       from pg_roles r where r.rolname in (current_user, session_user)`,
    ),
  )
  return rows.flatMap(({ name, creates, attributes, uses }) => {
    const role = `brokers.${broker.server}: the role "${name}"`
    return [
      ...(creates ? [] : [`${role} must have CREATEROLE`]),
      ...attributes.map(attribute => `${role} must not have ${attribute}`),
      ...uses.map(other => `${role} must not be a member of "${other}" with INHERIT or SET`),
    ]
  })
}
