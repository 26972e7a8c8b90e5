import type { CommentFacts, Oid } from '../catalog/facts.ts'
import type { Lookup } from '../lookup.ts'
import { functionAddress } from './function-text.ts'
import { relationAddress } from './relation-text.ts'

interface Attached {
  readonly oid: Oid
  readonly name: string
  readonly relation: Oid
}

/** What a comment is on, as `COMMENT ON` has it; nothing for what has no comment of its own in a clone. */
export function commentTarget({ catalog, oid, column }: CommentFacts, lookup: Lookup): string | undefined {
  const { relations, constraints, functions, triggers, rules, policies, statistics } = lookup.catalog
  const attached = (what: string, list: readonly Attached[]) => {
    const item = list.find(item => item.oid === oid)
    return item && `${what} ${item.name} ON ${lookup.relation(item.relation).name}`
  }
  switch (catalog) {
    case 'pg_class': {
      if (column !== 0) return `COLUMN ${lookup.relation(oid).name}.${lookup.column(oid, column).name}`
      const index = lookup.index(oid)
      if (index !== undefined) return `INDEX ${index.name}`
      const relation = relations.find(item => item.oid === oid)
      return relation && relationAddress(relation)
    }
    case 'pg_type': {
      const type = lookup.type(oid)
      return type && `${type.type === 'd' ? 'DOMAIN' : 'TYPE'} ${type.name}`
    }
    case 'pg_constraint': {
      const constraint = constraints.find(item => item.oid === oid)
      if (constraint === undefined) return undefined
      const { name, relation, domain } = constraint
      if (relation !== null) return `CONSTRAINT ${name} ON ${lookup.relation(relation).name}`
      return `CONSTRAINT ${name} ON DOMAIN ${domain && lookup.type(domain)?.name}`
    }
    case 'pg_proc': {
      const item = functions.find(item => item.oid === oid)
      return item && functionAddress(item)
    }
    case 'pg_trigger':
      return attached('TRIGGER', triggers)
    case 'pg_rewrite':
      return attached('RULE', rules)
    case 'pg_policy':
      return attached('POLICY', policies)
    case 'pg_statistic_ext': {
      const item = statistics.find(item => item.oid === oid)
      return item && `STATISTICS ${item.name}`
    }
    default:
      return undefined
  }
}
