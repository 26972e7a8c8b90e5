// Checked by tsc alone: a pino instance is a Logger as it is. The call signatures are those of pino 9 and 10 (pino.d.ts).
import { createTenancy, type Logger, memoryRegistry } from '../src/index.ts'

interface PinoLogFn {
  <T, TMsg extends string = string>(obj: T, msg?: T extends string ? never : TMsg, ...args: unknown[]): void
  (obj: unknown, msg?: string, ...args: unknown[]): void
  <TMsg extends string = string>(msg: TMsg, ...args: unknown[]): void
}

declare const pino: { readonly debug: PinoLogFn; info: PinoLogFn; warn: PinoLogFn; error: PinoLogFn; level: string }

export const logger: Logger = pino
export const tenancy = () => createTenancy({ registry: memoryRegistry(), logger: pino })
// @ts-expect-error `console` takes the message first
export const mistaken: Logger = { ...console, warn: (message: string) => message }
