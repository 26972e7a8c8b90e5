import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'

/** A page in a browser. */
export interface Tab {
  /** Loads an address, and resolves when it and all that it names is there. */
  open(url: string): Promise<void>
  /** Runs an expression in the page, as a developer's console does: the page's own policy does not hold for it. */
  evaluate<T>(expression: string): Promise<T>
  /** A PNG. */
  screenshot(): Promise<Buffer>
}

export interface Chromium {
  tab(): Promise<Tab>
  close(): Promise<void>
}

/** The program, or `undefined`. */
export function findChromium(): string | undefined {
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.flatMap(folder => names.map(name => join(folder, name))).find(file => existsSync(file))
}

interface Reply {
  readonly id?: number
  readonly method?: string
  readonly sessionId?: string
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

/** Starts it without a window. It is spoken to over two pipes, so that it listens on no port. */
export async function startChromium(program: string): Promise<Chromium> {
  const profile = await mkdtemp(join(tmpdir(), 'tenantry-chromium-'))
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run']
  const quiet = [
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-extensions',
  ]
  const args = [...flags, ...quiet, '--remote-debugging-pipe', `--user-data-dir=${profile}`, '--window-size=900,760']
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
  const [, , , input, output] = child.stdio as unknown as [null, null, null, Writable, Readable]
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  const waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>()
  const loaded = new Map<string, () => void>()
  let [count, rest] = [0, '']

  output.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (rest + chunk).split('\0')
    rest = messages.pop() ?? ''
    for (const text of messages) hear(JSON.parse(text))
  })
  void ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('Chromium has ended.'))
  })

  function hear({ id, method, sessionId = '', result, error }: Reply): void {
    if (method === 'Page.loadEventFired') loaded.get(sessionId)?.()
    if (id === undefined) return
    const one = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) one?.resolve(result as never)
    else one?.reject(new Error(error.message))
  }

  function call<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    count += 1
    const id = count
    return new Promise<T>((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      input.write(`${JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`)
    })
  }

  return {
    async tab() {
      const { targetId } = await call<{ targetId: string }>('Target.createTarget', { url: 'about:blank' })
      const { sessionId } = await call<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true })
      await call('Page.enable', {}, sessionId)
      return {
        async open(url) {
          const there = new Promise<void>(resolve => loaded.set(sessionId, resolve))
          await call('Page.navigate', { url }, sessionId)
          await there
        },
        async evaluate<T>(expression: string) {
          const params = { expression, returnByValue: true, awaitPromise: true }
          const { result } = await call<{ result: { value: T } }>('Runtime.evaluate', params, sessionId)
          return result.value
        },
        async screenshot() {
          const { data } = await call<{ data: string }>('Page.captureScreenshot', { format: 'png' }, sessionId)
          return Buffer.from(data, 'base64')
        },
      }
    },
    async close() {
      child.kill()
      await ended
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
