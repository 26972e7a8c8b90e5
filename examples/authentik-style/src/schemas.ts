import type { Logger } from '@tenantry/core'
import { pgSchema } from '@tenantry/pg-schema'
import type pg from 'pg'

/** The connections of the application, and how it names things. */
export interface Storage {
  /** Connects as the runtime role. */
  readonly pool: pg.Pool
  /** Connects as the role that makes schemas and roles. */
  readonly provisioner: pg.Pool
  /** What names of roles begin with, where several databases of one server have tenants. Default none. */
  readonly rolePrefix?: string
  readonly logger: Logger
}

/** The default tenant in `public`, every other one in a schema cloned from `template`. */
export function tenantSchemas({ pool, provisioner, rolePrefix = '', logger }: Storage): ReturnType<typeof pgSchema> {
  return pgSchema({
    pool,
    provisioner,
    rolePrefix,
    logger,
    defaultSchema: 'public',
    structure: { by: 'template', versionTables: ['migrations'] },
  })
}
