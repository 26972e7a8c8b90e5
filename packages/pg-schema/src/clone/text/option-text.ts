/** Storage parameters and view options, as ` WITH (name='value')` or nothing. Each is `name=value`, as the catalogue has it. */
export function withOptions(options: readonly string[] | null): string {
  return options === null || options.length === 0 ? '' : ` WITH (${options.map(optionText).join(', ')})`
}

/** `name='value'` */
export function optionText(option: string): string {
  const at = option.indexOf('=')
  return `${option.slice(0, at)}=${literal(option.slice(at + 1))}`
}

/** A string of SQL, understood in the same way whatever `standard_conforming_strings` is. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted
}
