import { protectTable } from '@tenantry/pg-rls'
import { type Kysely, sql } from 'kysely'

/** The schema, run by the role that owns it; the application connects as another role, which owns nothing. */
export async function migrate(db: Kysely<unknown>, runtimeRole: string): Promise<void> {
  await db.schema
    .createTable('notes')
    .addColumn('id', 'integer', column => column.generatedByDefaultAsIdentity())
    .addColumn('tenant_id', 'text', column => column.notNull())
    .addColumn('text', 'text', column => column.notNull())
    .addPrimaryKeyConstraint('notes_pkey', ['tenant_id', 'id'])
    .execute()
  for (const statement of protectTable('notes', { runtimeRole, index: false })) await sql.raw(statement).execute(db)
}
