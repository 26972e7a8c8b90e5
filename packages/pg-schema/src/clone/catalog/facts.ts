/** An object's number in its catalogue, as text. */
export type Oid = string

/** Names are as SQL wants them: quoted where they must be. An access list is as the server prints it, null where it is the default. */

type Acl = readonly string[] | null

/** The schema itself. */
export interface SchemaFacts {
  readonly oid: Oid
  /** Its name as SQL wants it. */
  readonly quoted: string
  readonly owner: string
  readonly acl: Acl
  /** The current role. */
  readonly me: string
  /** What the owner and PUBLIC have of a new object where nobody said otherwise, by the letter of its type. */
  readonly defaultAcls: Readonly<Record<string, readonly string[]>>
}

/** Anything that pg_class has but indexes: tables, views, sequences, composite types. */
export interface RelationFacts {
  readonly oid: Oid
  readonly name: string
  /** The name without quotes. */
  readonly plainName: string
  /** As pg_class.relkind: r, p, v, m, S, c; others are refused. */
  readonly kind: string
  /** As pg_class.relpersistence: p, u. */
  readonly persistence: string
  readonly isPartition: boolean
  readonly owner: string
  readonly acl: Acl
  /** As `name=value`. */
  readonly options: readonly string[] | null
  readonly rowSecurity: boolean
  readonly forced: boolean
  readonly replicaIdentity: string
  readonly populated: boolean
  readonly method: string | null
  readonly tablespace: string | null
  readonly partitionKey: string | null
  /** Of a partition: `FOR VALUES …` or `DEFAULT`. */
  readonly bound: string | null
  readonly ofType: string | null
  /** Of a view. */
  readonly query: string | null
  /** Tables that it inherits from, in order. */
  readonly parents: readonly Oid[]
  readonly parentNames: readonly string[]
  /** Whether its name alone finds it, with the server's own names first. */
  readonly visible: boolean
}

/** A column of a relation. */
export interface ColumnFacts {
  readonly relation: Oid
  readonly number: number
  readonly name: string
  readonly type: string
  /** Whether the type is one of the schema, or an array of those. */
  readonly ownType: boolean
  readonly notNull: boolean
  /** As pg_attribute.attidentity: a, d or nothing. */
  readonly identity: string
  /** As pg_attribute.attgenerated: s, v or nothing. */
  readonly generated: string
  /** Whether it was said of this table, and not only of one that it inherits from. */
  readonly isLocal: boolean
  /** Where it is not the type's. */
  readonly collation: string | null
  /** As pg_attribute.attstorage, where it is not the type's. */
  readonly storage: string | null
  /** As pg_attribute.attcompression: p, l or nothing. */
  readonly compression: string
  readonly statisticsTarget: number | null
  readonly options: readonly string[] | null
  readonly acl: Acl
  readonly defaultOid: Oid | null
  /** The default, or what a generated column is made of. */
  readonly default: string | null
}

/** A constraint of a table or a domain. */
export interface ConstraintFacts {
  readonly oid: Oid
  /** Null for a domain's. */
  readonly relation: Oid | null
  /** Null for a table's. */
  readonly domain: Oid | null
  readonly name: string
  /** As pg_constraint.contype: c, f, n, p, u, x. */
  readonly type: string
  readonly definition: string
  readonly validated: boolean
  readonly isLocal: boolean
  /** The index by which it holds: of a primary key, a unique or an exclusion constraint. */
  readonly index: Oid | null
  /** Of NOT NULL. */
  readonly column: number | null
}

/** An index. */
export interface IndexFacts {
  readonly oid: Oid
  readonly relation: Oid
  readonly name: string
  /** Null for the index of a constraint. */
  readonly definition: string | null
  readonly isUnique: boolean
  readonly options: readonly string[] | null
  readonly tablespace: string | null
  readonly valid: boolean
  readonly clustered: boolean
  readonly isIdentity: boolean
  /** `ALTER COLUMN n SET STATISTICS m` for each column that has a target. */
  readonly targets: readonly string[]
  /** The index of the partitioned table that it is a part of. */
  readonly parent: Oid | null
}

/** What a sequence counts, and for which column. */
export interface SequenceFacts {
  readonly oid: Oid
  readonly type: string
  readonly start: string
  readonly increment: string
  readonly minimum: string
  readonly maximum: string
  readonly cache: string
  readonly cycle: boolean
  readonly ownerTable: Oid | null
  readonly ownerColumn: number | null
  readonly isIdentity: boolean | null
}

/** A type of its own: not a table's row type, not an array. */
export interface TypeFacts {
  readonly oid: Oid
  readonly name: string
  /** As pg_type.typtype: c, d, e, r; m goes with r, others are refused. */
  readonly type: string
  /** Of a composite type. */
  readonly relation: Oid
  readonly owner: string
  readonly acl: Acl
  readonly defined: boolean
  readonly base: string | null
  readonly collation: string | null
  readonly notNull: boolean
  readonly default: string | null
  /** Literals. */
  readonly labels: readonly string[] | null
  readonly range: RangeFacts | null
  readonly visible: boolean
}

/** What a range type ranges over. */
export interface RangeFacts {
  readonly subtype: string
  readonly opclass: string | null
  readonly collation: string | null
  readonly canonical: string | null
  readonly difference: string | null
  readonly multirange: string
}

/** A function, procedure or what else pg_proc has. */
export interface FunctionFacts {
  readonly oid: Oid
  readonly name: string
  /** As pg_proc.prokind: f, p; a and w are refused. */
  readonly kind: string
  readonly owner: string
  readonly acl: Acl
  /** The arguments by which it is called. */
  readonly signature: string
  /** The arguments with their defaults. */
  readonly arguments: string
  readonly result: string | null
  readonly language: string
  readonly trusted: boolean
  readonly source: string
  /** A body that the server has parsed: `BEGIN ATOMIC …` or `RETURN …`. */
  readonly body: string | null
  readonly volatility: string
  readonly leakproof: boolean
  readonly strict: boolean
  readonly definer: boolean
  readonly parallel: string
  readonly cost: string
  readonly rows: string
  readonly support: string | null
  readonly transforms: readonly string[]
  /** As `name=value`. */
  readonly settings: readonly string[]
  readonly visible: boolean
  /** Whether a range type brought it. */
  readonly ofRange: boolean
}

/** A trigger of a table or view. */
export interface TriggerFacts {
  readonly oid: Oid
  readonly relation: Oid
  readonly name: string
  /** Whether the server made it for a constraint. */
  readonly internal: boolean
  /** As pg_trigger.tgenabled: O, D, R, A. */
  readonly enabled: string
  /** Whether it came from the partitioned table. */
  readonly isClone: boolean
  readonly definition: string
  /** What the definition begins with, up to the table's name. */
  readonly head: string
}

/** A rewrite rule that is not a view. */
export interface RuleFacts {
  readonly oid: Oid
  readonly relation: Oid
  readonly name: string
  /** As pg_rewrite.ev_enabled: O, D, R, A. */
  readonly enabled: string
  readonly definition: string
  /** What the definition begins with, up to the table's name. */
  readonly head: string
}

/** A row-security policy. */
export interface PolicyFacts {
  readonly oid: Oid
  readonly relation: Oid
  readonly name: string
  /** As pg_policy.polcmd: r, a, w, d, *. */
  readonly command: string
  readonly permissive: boolean
  /** Names without quotes; PUBLIC is the empty one. */
  readonly roles: readonly string[]
  readonly using: string | null
  readonly check: string | null
}

/** Extended statistics. */
export interface StatisticsFacts {
  readonly oid: Oid
  /** Nothing makes it stand in the same schema. */
  readonly relation: Oid
  /** The relation's name, with its schema if that is another. */
  readonly table: string
  readonly name: string
  /** As pg_statistic_ext.stxkind: d, f, m, e. */
  readonly kinds: readonly string[]
  readonly owner: string
  readonly columns: string
  readonly target: number | null
  readonly visible: boolean
}

/** A comment on an object or a column of it. */
export interface CommentFacts {
  /** As `pg_class`. */
  readonly catalog: string
  readonly oid: Oid
  /** 0 for the object itself. */
  readonly column: number
  /** A literal. */
  readonly text: string
}

/** What a role grants on all objects that it will make, in the schema or in all. */
export interface DefaultAclFacts {
  readonly global: boolean
  readonly role: string
  /** As pg_default_acl.defaclobjtype: r, S, f, T, n. */
  readonly type: string
  readonly acl: readonly string[]
}

/** An object of a kind that is not read. */
export interface OtherFacts {
  /** As `pg_operator 123`. */
  readonly key: string
  /** Such as `operator +(integer, money)`. */
  readonly name: string
}

/** Tables and what belongs to them. */
export interface TableFacts {
  /** The `search_path` under which it was read. */
  readonly path: string
  readonly schema: SchemaFacts
  readonly relations: readonly RelationFacts[]
  readonly columns: readonly ColumnFacts[]
  readonly constraints: readonly ConstraintFacts[]
  readonly indexes: readonly IndexFacts[]
  readonly sequences: readonly SequenceFacts[]
  readonly defaultAcls: readonly DefaultAclFacts[]
  /** Whether there is anything else. */
  readonly more: boolean
}

/** Types, code, and what stands on tables without being a part of them. */
export interface CodeFacts {
  readonly types: readonly TypeFacts[]
  readonly functions: readonly FunctionFacts[]
  readonly triggers: readonly TriggerFacts[]
  readonly rules: readonly RuleFacts[]
  readonly policies: readonly PolicyFacts[]
  readonly statistics: readonly StatisticsFacts[]
  readonly comments: readonly CommentFacts[]
  readonly others: readonly OtherFacts[]
}

/** All that there is in one schema. */
export interface Catalog extends TableFacts, CodeFacts {
  /** The schema's name, without quotes. */
  readonly name: string
}
