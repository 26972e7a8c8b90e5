import luaparse, { type CallExpression, type Expression, type Identifier, type Node } from 'luaparse'
import { tableRows } from '../commands/command-table.ts'
import { findKeys } from '../commands/key-spec.ts'

// C3: a script may make any key that it likes, and the server would let it. Here it may not: every key that it gives to a command must
// be one of KEYS, or begin with one. What cannot be seen to be so is refused, so that honest scripts sometimes have to be rewritten.

const specs: ReadonlyMap<string, string> = new Map([
  ...tableRows,
  ...['time', 'ping', 'echo'].map(name => [name, ''] as const),
  ...['publish', 'spublish'].map(name => [name, '1'] as const),
])
const containers = new Set([...specs.keys()].filter(name => name.includes(' ')).map(name => name.split(' ')[0]))

// They run text as code, reach every variable by its name, or change what operators do.
const forbidden = new Set(
  '_G _ENV load loadstring loadfile dofile require module getfenv setfenv getmetatable setmetatable rawset debug newproxy server'.split(
    ' ',
  ),
)
const helpers = new Set(['error_reply', 'status_reply', 'sha1hex', 'log', 'setresp', 'replicate_commands'])
// What the check relies on keeps its meaning.
const fixed = new Set(['redis', 'KEYS', 'unpack', 'ipairs'])

/**
 * Whether a Lua script keeps to its declared keys.
 *
 * @returns why it cannot be seen to, with the line; `undefined` when it does.
 * @example
 * problemOfScript("return redis.call('get', KEYS[1] .. ':count')") // undefined
 * problemOfScript("return redis.call('get', 'other')") // 'line 1: a key of get is not one of KEYS'
 */
export function problemOfScript(lua: string): string | undefined {
  let chunk: luaparse.Chunk
  try {
    // Bytes, as the server reads them.
    const bytes = Buffer.from(lua).toString('latin1')
    chunk = luaparse.parse(bytes, {
      luaVersion: '5.1',
      encodingMode: 'pseudo-latin1',
      locations: true,
      comments: false,
    })
  } catch (error) {
    return `it is not Lua 5.1 (${error instanceof Error ? error.message : 'unreadable'})`
  }
  const aliases = aliasesOf(chunk)
  const problems: string[] = []
  const complain = (node: Node, problem: string) => void problems.push(`line ${node.loc?.start.line}: ${problem}`)

  const isKey = (node: Expression | undefined): boolean => standsForKey(node, aliases)

  function checkCall(call: CallExpression): void {
    const [first, ...args] = call.arguments
    if (first?.type !== 'StringLiteral') {
      complain(call, 'the command is not written out')
      return
    }
    const word = args[0]?.type === 'StringLiteral' ? ` ${args[0].value.toLowerCase()}` : ''
    const single = first.value.toLowerCase()
    const command = containers.has(single) ? `${single}${word}` : single
    const spec = specs.get(command)
    if (spec === undefined) complain(call, `${JSON.stringify(command.slice(0, 40))} is not for scripts`)
    if (spec && !hasKeysAt(spec, args)) complain(call, `a key of ${command} is not one of KEYS`)
  }

  function hasKeysAt(spec: string, args: readonly Expression[]): boolean {
    // A number that counts keys must be written out.
    const texts = args.map(arg => (arg.type === 'NumericLiteral' ? String(arg.value) : ''))
    const positions = findKeys(spec)(texts)
    if (positions === undefined) return false
    const last = args.length - 1
    // All that unpack(KEYS) gives are keys, and nothing comes behind it. What another call or "..." gives at the end is not counted: it
    // must not stand where the keys go on.
    const isAllKeys = spec.endsWith('..-1') && isUnpackedKeys(args[last])
    if (spec.includes('..-') && isOpen(args[last]) && !isAllKeys) return false
    return positions.every(at => (at === last && isAllKeys) || isKey(args[at]))
  }

  // Anywhere else ipairs(KEYS) would give KEYS itself away: it is the second of its values.
  const iterators = new Set<Node>()

  walk(chunk, (node, parent, role) => {
    if (node.type === 'ForGenericStatement' && node.iterators.length === 1) iterators.add(node.iterators[0] as Node)
    if (node.type === 'CallExpression' && isRedis(node.base)) checkCall(node)
    if (node.type === 'MemberExpression' && isName(node.base, 'redis')) {
      const { name } = node.identifier
      const isCall = name === 'call' || name === 'pcall'
      const isCalled = parent?.type === 'CallExpression' && role === 'base'
      const isKnown = helpers.has(name) || /^(?:LOG|REPL)_[A-Z]+$/.test(name)
      if (node.indexer !== '.' || (isCall ? !isCalled : !isKnown))
        complain(node, `redis.${name} is used in another way`)
    }
    if (node.type !== 'Identifier' || role === 'property') return
    if (forbidden.has(node.name)) complain(node, `${node.name} is not for scripts`)
    if (role === 'declared' || role === 'assigned') {
      if (fixed.has(node.name)) complain(node, `${node.name} is given another meaning`)
    } else if (node.name === 'redis') {
      if (parent?.type !== 'MemberExpression') complain(node, 'redis is used in another way than redis.call(…)')
    } else if (node.name === 'KEYS' && !readsKeys(parent, role, iterators)) {
      complain(node, 'KEYS is used in another way than KEYS[…], #KEYS, for … in ipairs(KEYS) and unpack(KEYS)')
    }
  })
  return problems[0]
}

type Role = 'base' | 'property' | 'declared' | 'assigned' | 'assigned base' | 'other'
type Visit = (node: Node, parent: Node | undefined, role: Role) => void

function walk(root: Node, visit: Visit): void {
  const go = (node: Node, parent: Node | undefined, role: Role): void => {
    visit(node, parent, role)
    for (const [field, value] of Object.entries(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof child === 'object' && child !== null && 'type' in child)
          go(child as Node, node, roleOf(node, role, field))
      }
    }
  }
  go(root, undefined, 'other')
}

function roleOf(node: Node, role: Role, field: string): Role {
  if (node.type === 'MemberExpression' && field === 'identifier') return 'property'
  if (node.type === 'TableKeyString' && field === 'key') return 'property'
  if (node.type === 'LocalStatement' && field === 'variables') return 'declared'
  if (node.type === 'FunctionDeclaration' && (field === 'parameters' || field === 'identifier')) return 'declared'
  if (node.type === 'ForNumericStatement' && field === 'variable') return 'declared'
  if (node.type === 'ForGenericStatement' && field === 'variables') return 'declared'
  if (node.type === 'AssignmentStatement' && field === 'variables') return 'assigned'
  // KEYS[1] = …, and redis.x = … by way of the member's own role.
  if (field === 'base') return role === 'assigned' || role === 'declared' ? 'assigned base' : 'base'
  return 'other'
}

/** Names that stand for a key wherever they are: declared once in the whole script, as a key, and never assigned. */
function aliasesOf(chunk: Node): ReadonlySet<string> {
  const declared = new Map<string, number>()
  const assigned = new Set<string>()
  const candidates: { readonly name: string; readonly init: Expression | 'key' }[] = []
  walk(chunk, (node, _, role) => {
    if (node.type === 'Identifier' && role === 'declared') declared.set(node.name, (declared.get(node.name) ?? 0) + 1)
    if (node.type === 'Identifier' && role === 'assigned') assigned.add(node.name)
    if (node.type === 'LocalStatement') {
      node.variables.forEach(({ name }, at) => {
        const init = node.init[at]
        if (init !== undefined) candidates.push({ name, init })
      })
    }
    if (node.type !== 'ForGenericStatement' || node.iterators.length !== 1) return
    const [iterator] = node.iterators
    const second = node.variables[1]
    const isOverKeys =
      iterator?.type === 'CallExpression' && isName(iterator.base, 'ipairs') && isName(iterator.arguments[0], 'KEYS')
    if (isOverKeys && second !== undefined) candidates.push({ name: second.name, init: 'key' })
  })
  const aliases = new Set<string>()
  for (const { name, init } of candidates) {
    if (declared.get(name) === 1 && !assigned.has(name) && (init === 'key' || standsForKey(init, aliases))) {
      aliases.add(name)
    }
  }
  return aliases
}

/** Whether an expression is one of KEYS, or begins with one. */
function standsForKey(node: Expression | undefined, aliases: ReadonlySet<string>): boolean {
  if (node === undefined) return false
  if (node.type === 'Identifier') return aliases.has(node.name)
  // The prefix stays in front, whatever follows.
  if (node.type === 'BinaryExpression') return node.operator === '..' && standsForKey(node.left, aliases)
  return node.type === 'IndexExpression' && isName(node.base, 'KEYS')
}

function readsKeys(parent: Node | undefined, role: Role, iterators: ReadonlySet<Node>): boolean {
  if (parent?.type === 'IndexExpression') return role === 'base'
  if (parent?.type === 'UnaryExpression') return parent.operator === '#'
  if (parent?.type !== 'CallExpression' || role === 'base') return false
  const isRead = isName(parent.base, 'unpack') || (isName(parent.base, 'ipairs') && iterators.has(parent))
  return isRead && isName(parent.arguments[0], 'KEYS')
}

function isUnpackedKeys(node: Expression | undefined): boolean {
  return node?.type === 'CallExpression' && isName(node.base, 'unpack') && isName(node.arguments[0], 'KEYS')
}

/** Whether it can stand for several values, or for none. */
function isOpen(node: Expression | undefined): boolean {
  return (
    node !== undefined &&
    ['CallExpression', 'StringCallExpression', 'TableCallExpression', 'VarargLiteral'].includes(node.type)
  )
}

function isName(node: Node | undefined, name: string): node is Identifier {
  return node?.type === 'Identifier' && node.name === name
}

function isRedis(node: Expression): boolean {
  return (
    node.type === 'MemberExpression' && isName(node.base, 'redis') && ['call', 'pcall'].includes(node.identifier.name)
  )
}
