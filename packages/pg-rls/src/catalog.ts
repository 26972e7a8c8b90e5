import type pg from 'pg'
import { functionSql, roleSql, schemaSql, tableSql, unreachableSql, viewSql } from './catalog-sql.ts'
import { type FenceFacts, readFence } from './fence/fence-facts.ts'
import { readSeal, type SealLook } from './seal/read-seal.ts'
import type { SealFacts } from './seal/seal-facts.ts'
import { type ServerFacts, serverSql } from './server-facts.ts'

/** The role that the pool connects as, and what it can become. */
export interface RoleFacts {
  readonly name: string
  /** The role that logged in; another one where the connection has changed its role. */
  readonly session: string
  readonly database: string
  /** Roles without row security that the two are or can become. */
  readonly bypass: readonly BypassFacts[]
  /** Through whom it may create temporary tables. */
  readonly temporary: HolderFacts
  /** Schemas that it can create objects in, and through whom. */
  readonly creates: readonly (HolderFacts & { readonly schema: string })[]
  /** Schemas that were asked for and do not exist. */
  readonly missing: readonly string[]
}

/** Through whom the role holds a privilege. */
export interface HolderFacts {
  /** Grantees, quoted: PUBLIC, the role itself, or roles that it can become; without the object's owner. */
  readonly from: readonly string[]
  /** The roles, granted to the current one directly, that lead to the owner. */
  readonly through: readonly string[]
}

/** A superuser or a role with BYPASSRLS. */
export interface BypassFacts {
  readonly name: string
  readonly superuser: boolean
  readonly bypassRls: boolean
  /** Whether the current role, and not only the one that logged in, can become it. */
  readonly reached: boolean
  /** The roles, granted to the current one directly, that lead there. */
  readonly through: readonly string[]
}

/** A table, partitioned table or foreign table that the role, or a role that it can become, has a privilege on. */
export interface TableFacts {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly kind: string
  readonly owner: string
  /** Whether the role is, or can become, the owner. */
  readonly owned: boolean
  /** The roles, granted to the current one directly, that lead to the owner. */
  readonly ownedThrough: readonly string[]
  /** The owner of the database or of the schema, if the role can become neither. */
  readonly otherOwner: string | null
  readonly rowSecurity: boolean
  readonly forced: boolean
  /** The tenant column's type; null where there is none. */
  readonly columnType: string | null
  readonly notNull: boolean
  readonly indexed: boolean
  /** Through which grantees the role has anything here, quoted. */
  readonly grantees: readonly string[]
  /** Through which grantees, other than the owner, it may TRUNCATE. */
  readonly truncate: readonly string[]
  /** Whether the role itself may delete a tenant's rows. */
  readonly deletes: boolean
  /** Whether its rows are also rows of another table with a tenant column: a partition, or an inheritance child. */
  readonly child: boolean
  readonly dangerous: readonly { readonly privilege: string; readonly from: readonly string[] }[]
  /** Unique indexes without the tenant column. */
  readonly uniqueWithout: readonly UniqueFacts[]
  readonly policies: readonly PolicyFacts[]
  /** Foreign keys to tables with a tenant column that do not pair the two columns. */
  readonly looseReferences: readonly ReferenceFacts[]
  /** Tables that rows of this one refer to. */
  readonly references: readonly number[]
}

/** A unique index, or the constraint that it serves. */
export interface UniqueFacts {
  readonly oid: number
  readonly name: string
  readonly constraint: boolean
  /** As SQL, with the key columns in the first parentheses. */
  readonly definition: string
}

/** A foreign key between two tables with a tenant column. */
export interface ReferenceFacts {
  readonly name: string
  readonly target: { readonly oid: number; readonly schema: string; readonly name: string }
  /** The unique index that it leans on. */
  readonly index: number
  readonly columns: readonly string[]
  readonly referenced: readonly string[]
  /** Whether the other table has a unique key of the tenant and the referenced columns already. */
  readonly keyed: boolean
  readonly onDelete: string
  readonly onUpdate: string
  readonly deferrable: boolean
  readonly deferred: boolean
}

/** A row-security policy that applies to the role. */
export interface PolicyFacts {
  readonly name: string
  readonly permissive: boolean
  readonly command: string
  readonly using: string | null
  readonly check: string | null
  /** Functions in it that are marked IMMUTABLE. */
  readonly immutable: readonly string[]
}

/** A view or materialised view that the role can read and that shows rows of a tenant table. */
export interface ViewFacts {
  readonly schema: string
  readonly name: string
  readonly materialised: boolean
  /** Whether it reads as the role: by `security_invoker`, or because the role owns it. */
  readonly invoker: boolean
  readonly owner: string
  readonly grantees: readonly string[]
}

/** A SECURITY DEFINER function or procedure that the role can call. */
export interface FunctionFacts {
  readonly signature: string
  readonly schema: string
  readonly owner: string
  readonly bypass: boolean
  readonly pinned: boolean
}

/** What the server's catalogue says of everything that the role can reach. */
export interface Catalog {
  readonly role: RoleFacts
  readonly tables: readonly TableFacts[]
  readonly views: readonly ViewFacts[]
  readonly functions: readonly FunctionFacts[]
  /** Tables with a tenant column that the role has no privilege on, as `schema.name`. */
  readonly unreachable: readonly string[]
  readonly server: ServerFacts
  /** Where there is to be one. */
  readonly seal: SealFacts | undefined
  readonly fence: FenceFacts
}

/** What to look at. */
export interface CatalogLook {
  /** The schemas that hold the application's objects; every schema but the server's own, the seal's and the fence's when not given. */
  readonly schemas: readonly string[] | undefined
  readonly column: string
  readonly setting: string
  readonly seal: SealLook | undefined
  readonly fence: { readonly schema: string; readonly asked: boolean }
}

/** Reads the catalogue as the role of the pool. */
export async function readCatalog(pool: pg.Pool, look: CatalogLook): Promise<Catalog> {
  const { column, setting } = look
  const client = await pool.connect()
  function ignore(): void {
    // Without a listener a lost connection would end the process; the statement on its way fails in any case.
  }
  client.on('error', ignore)
  let clean = false
  try {
    // One snapshot for all. Names are printed qualified unless they are on the search path, and nothing may shadow the
    // catalogue: temporary objects come first unless pg_temp is named (R26).
    await client.query(
      'begin transaction isolation level repeatable read read only; set local search_path = pg_catalog, pg_temp',
    )
    const own = [look.seal?.schema, look.fence.asked ? look.fence.schema : undefined]
    const schemas = look.schemas ?? (await everySchema(client, own))
    const role = await client.query<RoleFacts>(roleSql, [schemas])
    const tables = await client.query<TableFacts>(tableSql, [schemas, column])
    const views = await client.query<ViewFacts>(viewSql, [schemas, column])
    const functions = await client.query<FunctionFacts>(functionSql, [schemas])
    const unreachable = await client.query<{ name: string }>(unreachableSql, [schemas, column])
    const server = await client.query<ServerFacts>(serverSql, [schemas, column, setting])
    const fence = await readFence(client, look.fence.schema)
    // Last: it may leave the transaction aborted.
    const seal = look.seal === undefined ? undefined : await readSeal(client, look.seal)
    await client.query('rollback')
    clean = true
    return {
      role: role.rows[0] as RoleFacts,
      tables: tables.rows,
      views: views.rows,
      // The fence's own is looked at by checks of its own.
      functions: functions.rows.filter(({ signature }) => signature !== fence.admits?.signature),
      unreachable: unreachable.rows.map(({ name }) => name),
      server: server.rows[0] as ServerFacts,
      seal,
      fence,
    }
  } finally {
    client.off('error', ignore)
    client.release(!clean)
  }
}

/** A table that nobody thought of leaks as well as any other, so that all schemas are looked over unless the host says which. */
async function everySchema(client: pg.PoolClient, own: readonly (string | undefined)[]): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(schemaSql)
  return rows.map(({ name }) => name).filter(name => !own.includes(name))
}
