import type { CredentialSource, Finding } from '@tenantry/core'
import type { DatabaseServer } from '../placement.ts'
import { type DatabaseStructure, defaultTemplate } from '../provisioning/database-structure.ts'
import { asProvisioner, type ProvisionerLogin } from '../provisioning/provisioner.ts'
import { serverFindings } from './server-findings.ts'

/** What is looked over. */
export interface LookOverTerms {
  readonly servers: Readonly<Record<string, DatabaseServer>>
  readonly provisioners: Readonly<Record<string, ProvisionerLogin>>
  readonly credentials: CredentialSource
  readonly keyPrefix: string
  readonly structure: DatabaseStructure
}

/** Unsafe configuration of the servers: their coordinates, and what is on those that have a provisioner. */
export async function lookOver(terms: LookOverTerms): Promise<readonly Finding[]> {
  const { servers, provisioners, credentials, keyPrefix, structure } = terms
  const found = await Promise.all(
    Object.entries(servers).map(async ([name, server]) => {
      const login = Object.hasOwn(provisioners, name) ? provisioners[name] : undefined
      const onServer =
        login === undefined
          ? []
          : await asProvisioner({ server, login }, undefined, async query =>
              serverFindings(query, {
                ...{ name, keyPrefix, broker: await credentials.broker?.(name) },
                template: structure.by === 'template' ? (structure.database ?? defaultTemplate) : undefined,
              }),
            )
      return [...wayTo(name, server), ...onServer]
    }),
  )
  return found.flat()
}

const loopback = /^(?:localhost|127\..*|::1|\/.*)$/

function wayTo(name: string, { host, ssl }: DatabaseServer): readonly Finding[] {
  if (loopback.test(host)) return []
  const object = `server ${name}`
  if (ssl === undefined || ssl === false)
    return [
      {
        ...{ id: 'D7', severity: 'warning', object },
        problem:
          'is reached without TLS: whoever stands in between reads what tenants store, and can pose as the server.',
        fix: `Set servers.${name}.ssl to { rejectUnauthorized: true, ca }.`,
      },
    ]
  if (typeof ssl === 'object' && ssl.rejectUnauthorized === false)
    return [
      {
        ...{ id: 'D7', severity: 'warning', object },
        problem: 'is reached with TLS that does not prove who answers.',
        fix: `Set servers.${name}.ssl.rejectUnauthorized to true, with the ca of the server.`,
      },
    ]
  return []
}
