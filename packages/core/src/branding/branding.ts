import { z } from 'zod'
import { deepFreeze } from '../deep-freeze.ts'
import { TenancyError } from '../errors.ts'
import { webUrl } from '../registries/web-url.ts'
import type { Tenant } from '../tenant.ts'
import { problemOfCss } from './custom-css.ts'

/** Options of {@link checkBranding} and {@link brandingOf}. */
export interface BrandingOptions {
  /** Hosts (`cdn.example.com`, with a port where there is one) that `customCss` may load images and fonts from. Default none. */
  readonly assetHosts?: readonly string[]
}

/** What a tenant may say of its looks. Stands in its settings, under `branding`. All of it is plain text; nothing is HTML. */
export interface BrandingInput {
  /** `http:` or `https:`, at most 2,048 characters, without a user. */
  readonly logoUrl?: string
  /** Like `logoUrl`. */
  readonly faviconUrl?: string
  /** `#RRGGBB` */
  readonly primaryColor?: string
  /** 1–200 characters on one line. */
  readonly companyName?: string
  /**
   * At most 10,000 characters. Refused: `<`, `\`, control characters, texts, comments and brackets that stay open, at-rules other than
   * `@media`, `@supports`, `@container`, `@layer`, `@keyframes` and `@font-face`, functions that are not known to load nothing, and
   * `url(…)` unless it is https and of a host of `assetHosts`.
   */
  readonly customCss?: string
  /** A language tag of BCP 47, such as `en` or `pt-BR`; kept in its canonical form. */
  readonly defaultLocale?: string
  /** What people read before they log in, at most 1,000 characters. */
  readonly loginText?: string
}

/** How a tenant looks: what it said, with the defaults filled in. Frozen. */
export interface Branding extends BrandingInput {
  /** Default `#3b82f6`. */
  readonly primaryColor: string
  /** Default the tenant's name. */
  readonly companyName: string
  /** Default `en`. */
  readonly defaultLocale: string
}

const rules = {
  object: 'must be an object of branding fields',
  length: 'must be at most 2,048 characters',
  url: 'must be an address that begins with https:// or http://, with a plain host and without a user or quotes',
  color: 'must be a colour like #1a2b3c',
  name: 'must be 1–200 characters on one line',
  css: 'must be at most 10,000 characters',
  locale: 'must be a language tag such as en or pt-BR',
  text: 'must be 1–1,000 characters',
}

// Characters that change the direction of what stands behind them make one name look like another.
const hidden = /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/
const url = z
  .string(rules.url)
  .max(2048, rules.length)
  .refine(
    text =>
      webUrl('any').safeParse(text).success && !/["'`<>]/.test(text) && /^[a-z0-9.-]+$/.test(new URL(text).hostname),
    rules.url,
  )
const visible = (max: number, rule: string, unseen: RegExp) =>
  z
    .string(rule)
    .max(max, rule)
    .refine(text => text.trim() !== '' && !/\p{Cs}/u.test(text) && !unseen.test(text) && !hidden.test(text), rule)
const locale = z
  .string(rules.locale)
  .max(35, rules.locale)
  .transform((tag, context) => {
    try {
      return new Intl.Locale(tag).toString()
    } catch {
      context.addIssue({ code: 'custom', message: rules.locale })
      return z.NEVER
    }
  })

const schema = z
  .strictObject(
    {
      logoUrl: url,
      faviconUrl: url,
      primaryColor: z.string(rules.color).regex(/^#[0-9A-Fa-f]{6}$/, rules.color),
      companyName: visible(200, rules.name, /\p{Cc}/u),
      customCss: z.string(rules.css).max(10_000, rules.css),
      defaultLocale: locale,
      loginText: visible(1000, rules.text, /[^\P{Cc}\n]/u),
    },
    rules.object,
  )
  .partial()

/**
 * Checks what a tenant says of its looks, before it is kept.
 *
 * @returns the same in its canonical form, for `settings.branding`.
 * @throws {TenancyError} `INPUT_INVALID` with the field and the rule.
 * @example
 * checkBranding({ primaryColor: '#0f766e', defaultLocale: 'pt-br' }).defaultLocale // 'pt-BR'
 */
export function checkBranding(input: unknown, { assetHosts = [] }: BrandingOptions = {}): BrandingInput {
  const result = schema.safeParse(input)
  if (!result.success) {
    const issue = result.error.issues[0]
    const unknown = issue?.code === 'unrecognized_keys'
    const field = unknown ? String(issue.keys[0]) : issue?.path.map(String).join('.')
    throw new TenancyError('INPUT_INVALID', {
      field: field || 'branding',
      rule: unknown ? 'is no branding field' : (issue?.message ?? rules.object),
    })
  }
  const problem = problemOfCss(result.data.customCss ?? '', new Set(assetHosts))
  if (problem !== undefined) throw new TenancyError('INPUT_INVALID', { field: 'customCss', rule: problem })
  const said = Object.entries(result.data).filter(([, value]) => value !== undefined)
  return deepFreeze(Object.fromEntries(said) as BrandingInput)
}

const made = new WeakSet<Branding>()

/**
 * Fills the defaults in.
 *
 * @param name - the company's, where it says no other.
 * @throws {TenancyError} `INPUT_INVALID`
 */
export function makeBranding(name: string, input: unknown = {}, options: BrandingOptions = {}): Branding {
  const checked = checkBranding(input, options)
  const { companyName = name, primaryColor = '#3b82f6', defaultLocale = 'en' } = checked
  const branding = deepFreeze({ ...checked, companyName, primaryColor, defaultLocale })
  made.add(branding)
  return branding
}

/** Whether this was checked: what is written into a page is not taken from just anybody. */
export function isChecked(branding: Branding): boolean {
  return made.has(branding)
}

/**
 * How a tenant looks. Checked again: the settings may be older than the rules, or written by hand.
 *
 * @throws {TenancyError} `INPUT_INVALID`
 */
export function brandingOf({ name, settings }: Tenant, options: BrandingOptions = {}): Branding {
  return makeBranding(name, settings.branding, options)
}
