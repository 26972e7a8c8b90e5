import { tokenColumns } from './enrolment-rows.ts'

/** Whether a tenant may be entered, asked of the registry itself: no cache stands between. */
const isActive = (s: string, tenant: string) =>
  `exists (select from ${s}.registry_tenants t where t.id = ${tenant} and t.status = 'active')`

/** Values: pool, hash of its secret, id, label and hash of the token. */
export const issueSql = (s: string): string => `
insert into ${s}.registry_enrolment_tokens as k (id, hash, tenant, pool, default_group, label, max_uses, expires_at)
select $3, $5, p.tenant, p.id, p.default_group, $4, 1, clock_timestamp() + p.ttl * interval '1 ms'
  from ${s}.registry_enrolment_pools p
 where p.id = $1 and p.secret_hash = $2 and p.revoked_at is null and ${isActive(s, 'p.tenant')}
returning ${tokenColumns('k')}`

/**
 * Values: hash of the token, redeemer, id of the redemption, lease. One statement, so that there is nothing between looking and taking:
 * whoever waits for the row of a token looks at its new version before they take it (PostgreSQL documentation, 13.2.1, read committed).
 */
export const reserveSql = (s: string): string => {
  const isGood = `k.hash = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())
    and ${isActive(s, 'k.tenant')}
    and (k.pool is null or exists (select from ${s}.registry_enrolment_pools p where p.id = k.pool and p.revoked_at is null))`
  const until = `clock_timestamp() + $4::float8 * interval '1 ms'`
  return `
with taken as (
  update ${s}.registry_enrolment_tokens k set uses = k.uses + 1
   where ${isGood} and k.uses < k.max_uses
     and not exists (select from ${s}.registry_enrolment_redemptions r where r.token = k.id and r.redeemer = $2)
  returning ${tokenColumns('k')}
), begun as (
  insert into ${s}.registry_enrolment_redemptions (id, token, redeemer, attempt_until)
  select $3, taken.id, $2, ${until} from taken
  returning token, id as redemption, attempt as number
), resumed as (
  update ${s}.registry_enrolment_redemptions r set attempt = r.attempt + 1, attempt_until = ${until}
    from ${s}.registry_enrolment_tokens k
   where ${isGood} and r.token = k.id and r.redeemer = $2 and r.consumed_at is null and r.attempt_until <= clock_timestamp()
  returning ${tokenColumns('k')}, r.id as redemption, r.attempt as number
)
select taken.*, begun.redemption, begun.number from taken join begun on begun.token = taken.id
union all
select * from resumed`
}
