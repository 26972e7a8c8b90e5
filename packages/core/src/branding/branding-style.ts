import { createHash } from 'node:crypto'
import { TenancyError } from '../errors.ts'
import { type Branding, isChecked } from './branding.ts'
import { addressesOfCss } from './custom-css.ts'

/** A tenant's style sheet, and what a Content-Security-Policy must allow for it. */
export interface BrandingStyle {
  /**
   * The text of one `style` element, as it is. Defines `--brand-color`, and `--brand-on-color` that can be read on it; behind them comes
   * the tenant's own.
   */
  readonly css: string
  /** For `style-src`: the hash of the text, so that no other style of the page runs. */
  readonly styleSource: string
  /** For `img-src`, and for `font-src`: where the logo, the icon and what the style loads come from. */
  readonly assetSources: readonly string[]
}

/**
 * The style of a branding.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for what {@link brandingOf} has not given.
 * @example
 * const { css, styleSource, assetSources } = brandingStyle(brandingOf(tenant))
 * response.setHeader('content-security-policy', `default-src 'none'; style-src ${styleSource}; img-src ${assetSources.join(' ')}`)
 */
export function brandingStyle(branding: Branding): BrandingStyle {
  if (!isChecked(branding)) {
    throw new TenancyError('ARGUMENT_INVALID', { field: 'branding', rule: 'must be what brandingOf gives' })
  }
  const { primaryColor, customCss = '', logoUrl, faviconUrl } = branding
  const css = `:root{--brand-color:${primaryColor};--brand-on-color:${readableOn(primaryColor)}}\n${customCss}`
  const digest = createHash('sha256').update(css).digest('base64')
  const addresses = [logoUrl, faviconUrl, ...addressesOfCss(customCss)]
  const origins = addresses.flatMap(address => (address === undefined ? [] : [new URL(address).origin]))
  return { css, styleSource: `'sha256-${digest}'`, assetSources: [...new Set(origins)] }
}

/** Black or white, whichever stands out more: relative luminance, WCAG 2.2. */
function readableOn(color: string): string {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map(at => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  // Both contrasts, (l + 0.05) / 0.05 and 1.05 / (l + 0.05), are the same at 0.179.
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? '#000000' : '#ffffff'
}
