import { type BsonWays, canonical, isDocument } from '../fence/canonical.ts'
import { checkValues, type FenceRules } from '../fence/check-values.ts'
import { checkCollectionName } from '../fence/collection-name.ts'
import { refuse } from '../fence/refuse.ts'

const creation = [
  ...['capped', 'size', 'max', 'timeseries', 'expireAfterSeconds', 'clusteredIndex', 'collation'],
  ...['validator', 'validationLevel', 'validationAction', 'changeStreamPreAndPostImages'],
]

/** The commands of a tenant's own database, and the fields that each may have. */
const commands: Readonly<Record<string, readonly string[]>> = {
  ping: [],
  dbStats: ['scale', 'freeStorage'],
  collStats: ['scale'],
  create: creation,
  collMod: [
    'index',
    'expireAfterSeconds',
    'validator',
    'validationLevel',
    'validationAction',
    'changeStreamPreAndPostImages',
  ],
}

const ofCollection = new Set(['collStats', 'create', 'collMod'])

/**
 * A command of the tenant's own database, in its canonical form.
 *
 * @throws {TenancyError} `STATEMENT_REFUSED` for any other, and for fields that are not known to stay in the database.
 */
export function checkCommand(given: unknown, rules: FenceRules, ways: BsonWays): Record<string, unknown> {
  const command = canonical(given, ways)
  if (!isDocument(command)) return refuse('A command', 'it is no document', 'Write it as { name: value }.')
  // The server takes the first field for the name.
  const [[name, value] = ['', undefined], ...fields] = Object.entries(command)
  const known = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (known === undefined)
    return refuse(
      `The command "${name}"`,
      'it is not one of a tenant’s own database',
      `Use one of ${Object.keys(commands).join(', ')}, or a method of a collection.`,
    )
  for (const [field, inner] of fields) {
    if (!known.includes(field) && field !== 'comment' && field !== 'maxTimeMS')
      refuse(`The field "${field}" of ${name}`, 'nobody knows whether it stays in the database', 'Leave it out.')
    checkValues(inner, rules)
  }
  if (ofCollection.has(name)) checkCollectionName(value)
  return command
}
