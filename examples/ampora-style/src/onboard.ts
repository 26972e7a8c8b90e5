import { type Branding, checkBranding, type Tenant } from '@tenantry/core'
import type { Platform } from './platform.ts'
import type { WelcomePacket } from './welcome-packet.ts'

/** A customer who is coming. */
export interface NewCustomer {
  readonly slug: string
  readonly name: string
  readonly theme?: Partial<Branding>
  /** Where its data lives. */
  readonly region: string
  /** The claim of the provider that tells its people (A18), and what each of its values makes of them (A19, A20). */
  readonly claim: string
  readonly roles: Readonly<Record<string, 'Admin' | 'Operator' | 'Viewer'>>
  /** The login of its first administrator at the provider. */
  readonly firstAdmin: string
}

/** What onboarding ends with. */
export interface Onboarded {
  readonly tenant: Tenant
  /** For the customer's first administrator. */
  readonly packet: WelcomePacket
  /** For whoever automates their rollout, and nobody else: shown once. */
  readonly pool: { readonly id: string; readonly secret: string }
}

/**
 * Onboards a customer (the five steps of Ampora's tutorial): the tenant, its groups and roles, a pool, and the welcome packet (A41). May be
 * killed anywhere and run again: what is there stays, and the pool has another secret then. In the audit before it begins.
 *
 * @param actor - who does it. Not a tenant's right: no role in any tenant leads here (A38).
 */
export async function onboard(platform: Platform, customer: NewCustomer, actor: string): Promise<Onboarded> {
  const { tenancy, store, lifecycle, enrolment, rows, base, issuer } = platform
  const { slug, name, theme = {}, region, claim, roles, firstAdmin } = customer
  const access = { actor, reason: `onboards ${slug}` }
  return tenancy.runAsSystem(access, async () => {
    const settings = { branding: { ...checkBranding(theme) } }
    const tenant = await lifecycle.ensure({ slug, name, placement: { region }, settings }, access)
    for (const [value, role] of Object.entries(roles))
      await store.addIdentity(tenant.id, { issuer, claim, value, role }, access)
    await tenancy.run(tenant, () =>
      rows.query("insert into agent_groups (name) values ('edge') on conflict do nothing"),
    )
    const known = (await enrolment.pools(tenant.id)).find(pool => pool.name === `${slug}-edge`)
    const { pool, secret } =
      known === undefined
        ? await enrolment.createPool(
            { tenantId: tenant.id, name: `${slug}-edge`, group: 'edge', ttl: 86_400_000 },
            access,
          )
        : { pool: known, secret: await enrolment.rotatePoolSecret(tenant.id, known.id, access) }
    const sample = await enrolment.issue(pool.id, secret.reveal(), { label: 'welcome packet' })
    return {
      tenant,
      packet: {
        ...{
          company: name,
          url: `${base}/t/${slug}/login`,
          login: firstAdmin,
          manual: 'https://docs.ampora.example/manual',
        },
        token: sample.secret.reveal(),
      },
      pool: { id: pool.id, secret: secret.reveal() },
    }
  })
}
