import pg from 'pg'
import { interleave } from '../interleave.ts'
import type { Measure } from '../measure.ts'
import { median, medianOfRounds } from '../median.ts'
import type { BenchGround } from './bench-ground.ts'

/** What is compared: ways to a tenant's database. */
export const titles = {
  bare: 'the bare CREATE DATABASE … TEMPLATE and its roles',
  provision: 'provision(), with identity, journal and lock',
} as const

export type ProvisioningName = keyof typeof titles

/** Plain JSON. */
export interface ProvisioningResult {
  readonly subjects: readonly { readonly name: ProvisioningName; readonly milliseconds: number }[]
  readonly measures: readonly Measure[]
}

/** Times both, side by side. What they make stays, so that no time is spent on dropping it. */
export async function compareProvisioning(
  ground: BenchGround,
  { rounds }: { readonly rounds: number },
): Promise<ProvisioningResult> {
  const isolation = ground.open()
  const { host, port } = ground.server
  const { username, password, database } = ground.provisioner
  const client = new pg.Client({ host, port, user: username, password: password.reveal(), database })
  await client.connect()
  let made = 0
  const subjects: Record<ProvisioningName, () => Promise<unknown>> = {
    // As somebody would who trusts that nothing ever fails: the same rights for the same roles.
    async bare() {
      made += 1
      const [name, login] = [`bare_${made}`, `bare_${made}_login`]
      await client.query(`create role ${name} nologin`)
      await client.query(`grant ${name} to current_user with inherit true, set true`)
      await client.query(`create database ${name} owner ${name} template ${ground.template}`)
      await client.query(`revoke all on database ${name} from public`)
      await client.query(`create role ${login} login password 'bare' in role ${name}`)
      await client.query(`alter role ${login} set role = ${name}`)
    },
    provision: () => isolation.provision(ground.tenant()),
  }
  const times = await interleave(subjects, {
    ...{ title: 'provisioning', rounds, operations: 1, concurrency: 1 },
    argument: index => index,
  })
  await client.end()
  return {
    subjects: (Object.keys(titles) as ProvisioningName[]).map(name => ({
      name,
      milliseconds: median(times[name]) / 1000,
    })),
    measures: [
      {
        what: 'provision / bare',
        unit: '×',
        atMost: 1.5,
        value: medianOfRounds(times, round => round.provision / round.bare),
      },
    ],
  }
}
