import { type Migration, sql } from 'kysely'
import { auditSql } from './schema/audit-sql.ts'
import { enrolmentSql } from './schema/enrolment-sql.ts'
import { guardsSql } from './schema/guards-sql.ts'
import { identitySql } from './schema/identity-sql.ts'
import { namesSql } from './schema/names-sql.ts'
import { noticesSql } from './schema/notices-sql.ts'
import { tablesSql } from './schema/tables-sql.ts'

/** Where it stands what was migrated. */
export const migrationTable = 'registry_migrations'

/**
 * What makes the registry, each once, in the order of their names.
 *
 * @param s - the schema, quoted.
 */
export function migrationsIn(s: string): Record<string, Migration> {
  return {
    '0001_registry': {
      async up(db) {
        for (const part of [tablesSql, guardsSql, namesSql, noticesSql, auditSql]) await sql.raw(part(s)).execute(db)
      },
    },
    '0002_enrolment': {
      async up(db) {
        await sql.raw(enrolmentSql(s)).execute(db)
      },
    },
    '0003_identity': {
      async up(db) {
        await sql.raw(identitySql(s)).execute(db)
      },
    },
  }
}
