import { webUrl } from '../registries/web-url.ts'

// What is not known is refused: a function or an at-rule of tomorrow may load something.
const atRules = new Set(['media', 'supports', 'container', 'layer', 'keyframes', '-webkit-keyframes', 'font-face'])
const functions = new Set([
  ...['rgb', 'rgba', 'hsl', 'hsla', 'hwb', 'lab', 'lch', 'oklab', 'oklch', 'color', 'color-mix', 'light-dark'],
  ...['calc', 'min', 'max', 'clamp', 'round', 'abs', 'var', 'and', 'or', 'not', 'selector', 'style'],
  ...['linear-gradient', 'radial-gradient', 'conic-gradient'],
  ...['repeating-linear-gradient', 'repeating-radial-gradient', 'repeating-conic-gradient'],
  ...['translate', 'translatex', 'translatey', 'translatez', 'translate3d', 'rotate', 'rotatex', 'rotatey', 'rotatez'],
  ...['rotate3d', 'scale', 'scalex', 'scaley', 'scalez', 'scale3d', 'skew', 'skewx', 'skewy', 'matrix', 'matrix3d'],
  ...['perspective', 'blur', 'brightness', 'contrast', 'drop-shadow', 'grayscale', 'hue-rotate', 'invert', 'opacity'],
  ...['saturate', 'sepia', 'cubic-bezier', 'steps', 'linear', 'repeat', 'minmax', 'fit-content', 'inset', 'circle'],
  ...['ellipse', 'polygon', 'is', 'where', 'has', 'nth-child', 'nth-last-child', 'nth-of-type', 'nth-last-of-type'],
  ...['lang', 'dir', 'format', 'local'],
])

const address = webUrl('any')
const partners: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }
const token =
  /\/\*(?:[^*]|\*(?!\/))*\*\/|"[^"\n\r\f]*"|'[^'\n\r\f]*'|url\(\s*(?:"[^"\n\r\f]*"|'[^'\n\r\f]*'|[^\s"'()]*)\s*\)|@?[-\w\u0080-\uffff]+\(?|\/\*|[\s\S]/giy

/**
 * What is wrong with a tenant's style sheet, or `undefined`. Nothing of it leaves a `style` element or a block that it stands in,
 * and it loads nothing but from the hosts that are allowed: a selector like `[value^="a"]` with an address behind it would tell
 * what is typed.
 *
 * Read as CSS Syntax Level 3 says; its escapes are refused, since `@\69mport` is `@import`.
 *
 * @param hosts - that `url(…)` may name, by https.
 */
export function problemOfCss(css: string, hosts: ReadonlySet<string>): string | undefined {
  if (/\p{Cs}|[^\P{Cc}\n\r\t]/u.test(css)) return 'must not hold control characters'
  if (css.includes('<')) return 'must not hold "<"'
  if (css.includes('\\')) return 'must not hold "\\"'
  const open: string[] = []
  for (const [text] of css.matchAll(token)) {
    const problem = problemOfToken(text.toLowerCase(), text, hosts)
    if (problem !== undefined) return problem
    const last = text.at(-1) ?? ''
    if (text.length > 1 && last !== '(') continue
    if ('([{'.includes(last)) open.push(last)
    else if (last in partners && open.pop() !== partners[last]) return 'must close what it opens'
  }
  return open.length > 0 ? 'must close what it opens' : undefined
}

function problemOfToken(text: string, written: string, hosts: ReadonlySet<string>): string | undefined {
  if (text === '"' || text === "'" || text === '/*') return 'must close its texts and comments'
  if (/^(?:"|'|\/\*)/.test(text)) return undefined
  if (text.startsWith('url(') && text.endsWith(')')) return problemOfUrl(written, hosts)
  if (text.startsWith('@')) {
    const name = text.replace(/^@|\($/g, '')
    return atRules.has(name) ? undefined : `must not hold @${name.slice(0, 40)}`
  }
  if (text.length > 1 && text.endsWith('(') && !functions.has(text.slice(0, -1))) {
    return `must not hold ${text.slice(0, 40)}…)`
  }
  return undefined
}

/** The addresses that a style sheet loads from. */
export function addressesOfCss(css: string): readonly string[] {
  return [...css.matchAll(token)].flatMap(([text]) => (/^url\(.*\)$/is.test(text) ? [addressOf(text)] : []))
}

function addressOf(written: string): string {
  return written
    .slice('url('.length, -1)
    .trim()
    .replace(/^(["'])(.*)\1$/s, '$2')
}

function problemOfUrl(written: string, hosts: ReadonlySet<string>): string | undefined {
  const text = addressOf(written)
  const allowed =
    address.safeParse(text).success && new URL(text).protocol === 'https:' && hosts.has(new URL(text).host)
  return allowed ? undefined : 'must load from allowed hosts only, by https'
}
