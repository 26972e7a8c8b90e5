import type { Finding } from '@tenantry/core'
import { quoteIdentifier, quoteQualified } from '@tenantry/pg'
import type { Catalog } from '../catalog.ts'
import type { KeyTableFacts, OwnerFacts, SealFacts, VerifierFacts } from '../seal/seal-facts.ts'
import { createVerifier, installSeal, type SealMode, verifierCall, verifierSource } from '../seal/seal-sql.ts'

/** What the checks of the seal need to know. */
export interface SealTerms {
  readonly mode: SealMode
  readonly schema: string
  readonly setting: string
}

/** What is wrong with the seal, where there is to be one. All of it lets tenants forge a context, or lets nobody work. */
export function sealChecks({ seal, role, tables }: Catalog, terms: SealTerms): Finding[] {
  if (seal === undefined) return []
  const { schema } = terms
  const owners = new Set(tables.filter(({ columnType }) => columnType !== null).map(({ owner }) => owner))
  const tableOwner = owners.values().next().value ?? role.name
  const keyOwner = seal.keys !== null && isFit(seal.keys.owner) ? { ownerRole: seal.keys.owner.name } : {}
  const install = installSeal({ ...terms, ...keyOwner, runtimeRole: role.name, tableOwner }).join('; ')
  const findings = [
    ...(seal.verifier === null
      ? [error(verifierName(schema), 'is missing, so that nobody can prove a tenant.', install)]
      : verifierFindings(seal.verifier, role.name, terms)),
    ...(seal.keys === null
      ? [error(keysName(schema), 'is missing, so that no proof can be checked.', `${install} -- and bring the key in`)]
      : keyFindings(seal.keys, role.name, schema)),
    ...ownerFindings(seal, role.name, schema),
    ...schemaFindings(seal, role.name, schema),
  ]
  // With anything else amiss, that is the reason.
  if (findings.length > 0 || seal.refused === null) return findings
  const problem = `does not hold the key that the application seals with, or another one under its id: ${seal.refused}.`
  return [
    error(keysName(schema), problem, 'Bring the key in with sealKeyStatement(), or correct the option "sealKeys".'),
  ]
}

function error(object: string, problem: string, fix: string): Finding {
  return { id: 'R13', severity: 'error', object, problem, fix }
}

function verifierName(schema: string): string {
  return `function ${schema}.current_tenant()`
}

function keysName(schema: string): string {
  return `table ${schema}.seal_key`
}

function verifierFindings(verifier: VerifierFacts, role: string, terms: SealTerms): Finding[] {
  const findings: Finding[] = []
  const { mode, schema } = terms
  const call = verifierCall(schema)
  function add(problem: string, fix: string, severity: Finding['severity'] = 'error'): void {
    findings.push({ ...error(verifierName(schema), problem, fix), severity })
  }
  const other = mode === 'challenge' ? 'stamp' : 'challenge'
  if (verifier.source === verifierSource({ ...terms, mode: other })) {
    add(`checks proofs of the mode ${other}, and the application is set to ${mode}.`, createVerifier(terms))
  } else if (verifier.source !== verifierSource(terms) || verifier.language !== 'plpgsql') {
    add('is not the code that this version of Tenantry installs.', createVerifier(terms))
  }
  if (!verifier.definer) {
    add(
      'is not SECURITY DEFINER, so that its callers would have to read the keys.',
      `alter function ${call} security definer`,
    )
  }
  if (verifier.volatility === 'i') {
    add('is IMMUTABLE, so that its first result may be kept for other tenants.', `alter function ${call} stable`)
  } else if (verifier.volatility !== 's') {
    add('is VOLATILE, so that it is called for every row.', `alter function ${call} stable`, 'warning')
  }
  if (verifier.parallel === 's') {
    const problem = 'is PARALLEL SAFE, and a parallel worker has another pid than the proof.'
    add(problem, `alter function ${call} parallel restricted`)
  } else if (verifier.parallel !== 'r') {
    add('keeps every query from running in parallel.', `alter function ${call} parallel restricted`, 'warning')
  }
  if (verifier.leakproof) {
    add('is marked LEAKPROOF, and its errors depend on what it is given.', `alter function ${call} not leakproof`)
  }
  if (verifier.settings.length > 0) {
    const problem = `runs with settings that it was not installed with: ${verifier.settings.join(', ')}.`
    add(problem, `alter function ${call} reset all`, 'warning')
  }
  if (verifier.public) {
    add('may be called by everybody.', `revoke execute on function ${call} from public`, 'warning')
  }
  if (!verifier.callable) {
    const name = quoteIdentifier(role)
    const fix = `grant usage on schema ${quoteIdentifier(schema)} to ${name}; grant execute on function ${call} to ${name}`
    add(`may not be called by ${role}, whose every query fails.`, fix)
  }
  return findings
}

function keyFindings({ grantees, hooks }: KeyTableFacts, role: string, schema: string): Finding[] {
  const object = keysName(schema)
  const table = quoteQualified(schema, 'seal_key')
  return [
    ...(grantees.length === 0
      ? []
      : [
          error(
            object,
            `is open to others than its owner: ${grantees.join(', ')}. Whoever reads or writes a key can forge any tenant.`,
            `revoke all on ${table} from ${[...new Set([...grantees, quoteIdentifier(role)])].join(', ')} cascade`,
          ),
        ]),
    ...hooks.map(({ name, drop }) => error(object, `has ${name} on it, which could copy a key.`, drop)),
  ]
}

/** The owner of the verifier reads the keys; the owner of the keys gives them away. One role that nobody can be. */
function ownerFindings({ verifier, keys }: SealFacts, role: string, schema: string): Finding[] {
  if (verifier === null || keys === null) return []
  const findings: Finding[] = []
  if (verifier.owner.name !== keys.owner.name) {
    const owner = isFit(keys.owner) ? keys.owner : verifier.owner
    const fix = isFit(keys.owner)
      ? `alter function ${verifierCall(schema)} owner to ${quoteIdentifier(owner.name)}`
      : `alter table ${quoteQualified(schema, 'seal_key')} owner to ${quoteIdentifier(owner.name)}`
    const problem = `belongs to ${verifier.owner.name}, and the keys to ${keys.owner.name}: both must be one role without login.`
    // What else is wrong with the wrong one goes with it.
    return [error(verifierName(schema), problem, fix)]
  }
  const { name, login, superuser, bypassRls, through } = keys.owner
  const object = `role ${name}`
  const owner = quoteIdentifier(name)
  if (login) findings.push(error(object, 'owns the seal and can log in.', `alter role ${owner} nologin`))
  if (superuser || bypassRls) {
    const problem = 'owns the seal and is a superuser or has BYPASSRLS, which the verifier then runs with.'
    findings.push(error(object, problem, `alter role ${owner} nosuperuser nobypassrls`))
  }
  if (through.length > 0) {
    const problem = `owns the seal, and ${role} is or can become it: it reads the keys and forges any tenant.`
    const fix = `revoke ${through.map(quoteIdentifier).join(', ')} from ${quoteIdentifier(role)}`
    findings.push(error(object, problem, fix))
  }
  return findings
}

function isFit({ login, superuser, bypassRls, through }: OwnerFacts): boolean {
  return !login && !superuser && !bypassRls && through.length === 0
}

function schemaFindings({ creators, schemaOwner, keys }: SealFacts, role: string, schema: string): Finding[] {
  const findings: Finding[] = []
  const object = `schema ${schema}`
  if (creators.length > 0) {
    const fix = `revoke create on schema ${quoteIdentifier(schema)} from ${creators.join(', ')}`
    findings.push(error(object, `lets ${role} create objects in it.`, fix))
  }
  if (schemaOwner !== null && schemaOwner.through.length > 0 && schemaOwner.name !== keys?.owner.name) {
    const problem = `belongs to ${schemaOwner.name}, which ${role} is or can become: it can drop the seal and make another.`
    const next = quoteIdentifier(keys?.owner.name ?? 'pg_database_owner')
    const space = quoteIdentifier(schema)
    // Its privileges go with the schema.
    const fix = `alter schema ${space} owner to ${next}; grant usage on schema ${space} to ${quoteIdentifier(role)}`
    findings.push(error(object, problem, fix))
  }
  return findings
}
