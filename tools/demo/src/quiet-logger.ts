function nothing(): void {
  // Refusals are part of the show; the table tells of them.
}

/** Logs failures only. */
export const quietLogger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: (details: object, text: string): void => console.error(text, details),
}
