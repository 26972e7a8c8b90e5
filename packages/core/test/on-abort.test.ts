import { getEventListeners } from 'node:events'
import { expect, it, vi } from 'vitest'
import { onAbort } from '../src/index.ts'

const turned = () => new Promise(setImmediate)

it('E14 tells everybody who has not stopped, once, with the reason', async () => {
  const { signal, abort } = controller()
  const [one, two, three] = [vi.fn(), vi.fn(), vi.fn()]
  onAbort(signal, one)
  onAbort(signal, two)()
  onAbort(signal, three)
  abort('over')
  abort('again')
  await turned()
  expect([one, two, three].map(fn => fn.mock.calls)).toEqual([[['over']], [], [['over']]])
})

it('E14 tells at once of a signal that has aborted', () => {
  const told = vi.fn()
  onAbort(AbortSignal.abort('over'), told)()
  expect(told.mock.calls).toEqual([['over']])
})

it('E14 one that throws keeps no other from its end', async () => {
  const { signal, abort } = controller()
  const thrown = vi.fn()
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').once('uncaughtException', thrown)
  const told = vi.fn()
  onAbort(signal, () => {
    throw new Error('teapot')
  })
  onAbort(signal, told)
  abort('over')
  await turned()
  for (const other of others) process.on('uncaughtException', other)
  expect(told).toHaveBeenCalledTimes(1)
  expect(String(thrown.mock.calls[0]?.[0])).toBe('Error: teapot')
})

it('shares one listener of the signal', () => {
  const { signal } = controller()
  for (let n = 0; n < 100; n++) onAbort(signal, () => undefined)
  expect(getEventListeners(signal, 'abort').length).toBe(1)
})

function controller() {
  const made = new AbortController()
  return { signal: made.signal, abort: (reason: unknown) => made.abort(reason) }
}
