import { randomUUID } from 'node:crypto'
import type { Rule } from './acl.ts'
import { type DatabaseEngine, databaseEngine, type Fields } from './database-engine.ts'

/** What a namespace has of its own. */
export interface Namespace {
  readonly path: string
  /** Mounted database engines by their path. */
  readonly engines: Map<string, DatabaseEngine>
  /** Roles of mounted AppRole methods by the method's path. */
  readonly appRoles: Map<string, Map<string, AppRole>>
  readonly policies: Map<string, readonly Rule[]>
}

export interface AppRole {
  readonly roleId: string
  readonly secretIds: Set<string>
  readonly fields: Fields
}

export const newNamespace = (path: string): Namespace => ({
  path,
  engines: new Map(),
  appRoles: new Map(),
  policies: new Map(),
})

export const newAppRole = (fields: Fields, old?: AppRole): AppRole => ({
  roleId: old?.roleId ?? randomUUID(),
  secretIds: old?.secretIds ?? new Set(),
  fields,
})

export const newEngine = databaseEngine
