/** What a row's tenant is compared with. */
export interface TenantComparison {
  readonly setting: string
  readonly column: string
  /** The schema of the verifier that must be asked, where the tenant is sealed. */
  readonly verifier?: string
}

/**
 * Whether an expression, as `pg_get_expr` prints it, lets only rows of the current tenant through: the comparison of the tenant
 * column with the setting, alone or AND-ed with something else. What else an expression may do cannot be known by its looks, so
 * that an OR around it, another column or an operator of somebody else's is `no`.
 *
 * @returns `unguarded` for a comparison that takes '' for a tenant.
 */
export function comparesTenant(expression: string | null, terms: TenantComparison): 'yes' | 'unguarded' | 'no' {
  if (expression === null) return 'no'
  if (conjunct(terms, true).test(expression)) return 'yes'
  return conjunct(terms, false).test(expression) ? 'unguarded' : 'no'
}

// Casts that cut nothing off. The column may only be read as text; the setting takes the column's type.
const textual = '(?:text|character varying)'
const castable = '(?:text|character varying|uuid|smallint|integer|bigint|numeric)'

function conjunct({ setting, column, verifier }: TenantComparison, guarded: boolean): RegExp {
  const name = escapePattern(column)
  const quoted = escapePattern(column.replaceAll('"', '""'))
  const own = oneOf(`(?:${name}|"${quoted}")`, textual)
  const read = `current_setting\\('${escapePattern(setting)}'::text(?:, true)?\\)`
  const plain = guarded ? `NULLIF\\(${read}, ''::text\\)` : read
  const value = oneOf(verifier === undefined ? plain : verifierCallPattern(verifier), castable)
  const tenant = `(?:${value}|\\( SELECT ${value}(?: AS \\w+| AS "\\w+")?\\))`
  const equals = `\\((?:${own} = ${tenant}|${tenant} = ${own})\\)`
  // Every operator is printed in parentheses of its own, so that an AND outside of all others binds the whole.
  return new RegExp(`^(?:${equals}|\\(${equals} AND .*\\)|\\(.* AND ${equals}\\))$`, 's')
}

/** As `pg_get_expr` prints the call; the schema is quoted where its name needs it. */
function verifierCallPattern(schema: string): string {
  const name = escapePattern(schema)
  const quoted = escapePattern(schema.replaceAll('"', '""'))
  return `(?:${name}|"${quoted}")\\.current_tenant\\(\\)`
}

function oneOf(inner: string, casts: string): string {
  return `(?:${inner}|\\(${inner}\\)::${casts})`
}

function escapePattern(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&')
}
