import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { envSecrets, secret } from '../src/index.ts'
import { refusal } from './support.ts'

describe('secret', () => {
  const key = secret('CANARY')

  it('is told to whoever asks', () => {
    expect(key.reveal()).toBe('CANARY')
  })

  it('I48 shows itself to nobody else', () => {
    const holder = { key, nested: [key] }
    const shown = [
      `${key}`,
      String(key),
      JSON.stringify(holder),
      inspect(holder, { depth: 9, showHidden: true, getters: true }),
      inspect(key, { customInspect: false, showHidden: true }),
      JSON.stringify(Object.entries(key)),
    ]
    for (const text of shown) expect(text).not.toContain('CANARY')
  })
})

describe('envSecrets', () => {
  it('reads a variable', async () => {
    expect((await envSecrets({ KEY: 'value' })('KEY')).reveal()).toBe('value')
  })

  it.each([{}, { KEY: '' }])('refuses one that is not set', async env => {
    const { message } = await refusal('CONFIG_INVALID', () => envSecrets(env)('KEY'))
    expect(message).toContain('KEY is not set')
  })
})
