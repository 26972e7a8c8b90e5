import { secret, type Tenant } from '@tenantry/core'
import pg from 'pg'
import { postgresLeases } from '../src/index.ts'
import { databaseIsolation, type Ground } from './support.ts'

// Provisions one tenant, and is killed meanwhile.
const { ground, tenant, username, password } = JSON.parse(process.env.TENANTRY_CHILD ?? '') as {
  ground: Ground
  tenant: Tenant
  username: string
  password: string
}
const provisioner = { ...ground.provisioner, username, password: secret(password) }
const broker = new pg.Pool({ connectionString: ground.brokerUrl, max: 1 })
const credentials = postgresLeases({ brokers: { one: broker }, prefix: `${ground.prefix}l_` })
const isolation = databaseIsolation({ ...ground, provisioner }, { credentials })
process.stdout.write('begins\n')
await isolation.provision(tenant)
process.stdout.write('done\n')
process.exit(0)
