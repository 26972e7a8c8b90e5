/** Text that is HTML, because {@link html} has made it. */
export interface Html {
  readonly html: string
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A template whose values are text, whatever stands in them; only what this made before goes in as it is. */
export function html(parts: TemplateStringsArray, ...values: readonly (string | Html | readonly Html[])[]): Html {
  const inside = values.map(value =>
    typeof value === 'string'
      ? value.replace(/[&<>"']/g, character => entities[character] ?? '')
      : 'html' in value
        ? value.html
        : value.map(one => one.html).join(''),
  )
  return { html: parts.map((part, at) => part + (inside[at] ?? '')).join('') }
}

/** The text of a style element, which was checked to hold nothing that could end it. */
export function style(css: string): Html {
  if (css.includes('<')) throw new Error('A style sheet with "<" in it was not checked.')
  return { html: `<style>${css}</style>` }
}
