/** Where log records go. A `pino` instance fits as it is: details first, then the message. */
export interface Logger {
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

function nothing(): void {
  // Below the level of this logger.
}

/** The default: warnings and errors as lines of JSON on standard error, nothing below. */
export const consoleLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: (details, message) => console.warn(JSON.stringify({ level: 'warn', message, ...details })),
  error: (details, message) => console.error(JSON.stringify({ level: 'error', message, ...details })),
}
