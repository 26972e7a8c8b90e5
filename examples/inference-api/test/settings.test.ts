import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { isTenancyError } from '@tenantry/core'
import { describe, expect, it } from 'vitest'
import { memoryLogger } from '../src/memory-logger.ts'
import { readSettings } from '../src/settings.ts'

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')
const [basic, entra, keycloak] = ['example-1-basic', 'example-2-entra-id', 'example-3-keycloak'].map(name =>
  JSON.parse(fixture(`${name}.json`)),
)
const canary = 'CANARY-s3cret'
const operator = { OPERATOR_KEY: `operator-${canary}` }

function load(env: Readonly<Record<string, string>>) {
  const { logger, records } = memoryLogger()
  return { ...readSettings(env, logger), records }
}

/** What is wrong with an environment. */
function problemsOf(env: Readonly<Record<string, string>>): readonly string[] {
  try {
    load(env)
  } catch (error) {
    if (!isTenancyError(error) || error.code !== 'CONFIG_INVALID') throw error
    expect(`${inspect(error, { depth: 9, showHidden: true })}${JSON.stringify(error)}${error.stack}`).not.toMatch(
      'CANARY',
    )
    return error.details.problems
  }
  throw new Error('The settings were taken.')
}

describe('the settings', () => {
  it('I16 I18 I20 I22 I24 I27 examples 1 to 3 are taken together, as they stand', async () => {
    const { tenants, gatewayKey, records } = load({
      ...operator,
      TENANT_CONFIGS: JSON.stringify([basic, entra, keycloak]),
    })
    expect((await tenants.findDefault())?.id).toBe('demo_tenant')
    expect(records.map(({ event }) => event)).toEqual(['config.default'])
    expect(gatewayKey).toBeUndefined()
    expect(tenants.config('demo_tenant')).toMatchObject({ mongo_database: 'demo_db', redis_db: 0 })
    expect(tenants.config('demo_tenant').oidc_issuer).toBeUndefined()
    for (const each of [entra, keycloak]) {
      const { mongo_uri, oidc_client_secret, oidc_issuer, oidc_scopes } = tenants.config(each.tenant_id)
      expect(mongo_uri.reveal()).toBe(each.mongo_uri)
      expect(oidc_client_secret?.reveal()).toBe(each.oidc_client_secret)
      expect({ oidc_issuer, oidc_scopes }).toEqual({ oidc_issuer: each.oidc_issuer, oidc_scopes: each.oidc_scopes })
    }
  })

  it('I25 I26 I28 example 4 is taken as it stands in its file', async () => {
    const text = fixture('example-4-docker-compose.yaml')
    const [, block = ''] = /TENANT_CONFIGS: \|\n([\s\S]*?)\n {6}DEFAULT_TENANT_ID/.exec(text) ?? []
    const [, name = ''] = /DEFAULT_TENANT_ID: "(.*)"/.exec(text) ?? []
    const { tenants } = load({ ...operator, TENANT_CONFIGS: block, DEFAULT_TENANT_ID: name })
    expect((await tenants.findDefault())?.id).toBe('acme_corp')
    expect(tenants.config('acme_corp').redis_addr).toMatchObject({ host: 'redis', port: 6379 })
  })

  it('I11 I13 I15 I17 I18 I21 I26 I48 everything that is wrong is told at once, and no secret', () => {
    const oidc = { oidc_issuer: 'https://login.example/{tenant}/v2.0', oidc_client_secret: canary }
    const tenants = [
      { ...basic, mongo_uri: `mongodb://root:${canary}@@host`, redis_addr: 'localhost', redis_db: 16 },
      { ...keycloak, tenant_id: undefined, ...oidc, oidc_client_id: undefined },
      { ...entra, tenant_id: 'other' },
      entra,
    ]
    const problems = problemsOf({
      OPERATOR_KEY: 'CANARY',
      GATEWAY_KEY: 'CANARY',
      TENANT_CONFIGS: JSON.stringify(tenants),
      DEFAULT_TENANT_ID: 'umbrella',
    })
    const places = problems.map(problem => problem.split(': ')[0])
    expect(places).toEqual([
      'OPERATOR_KEY',
      'GATEWAY_KEY',
      'TENANT_CONFIGS[0].mongo_uri',
      'TENANT_CONFIGS[0].redis_addr',
      'TENANT_CONFIGS[0].redis_db',
      'TENANT_CONFIGS[1].tenant_id',
      'TENANT_CONFIGS[1].oidc_issuer',
      'TENANT_CONFIGS[3].mongo_database',
      'TENANT_CONFIGS[3].redis_db',
      'TENANT_CONFIGS[1].oidc_client_id',
      'DEFAULT_TENANT_ID',
    ])
  })

  it('I24 an empty environment names what it lacks', () => {
    expect(problemsOf({})).toEqual(['OPERATOR_KEY: is required', expect.stringMatching(/^TENANT_CONFIGS/)])
    expect(problemsOf({ ...operator, TENANT_CONFIGS: `{"mongo_uri":"${canary}"` })).toHaveLength(1)
  })
})
