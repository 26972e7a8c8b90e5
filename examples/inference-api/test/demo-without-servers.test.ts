import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const demo = fileURLToPath(new URL('../src/demo.ts', import.meta.url))
// No engine of Docker, no JDK, no server that runs already.
const nothing = { PATH: '', DOCKER_HOST: 'tcp://127.0.0.1:1', TENANTRY_MONGO_URL: '' }

function show(env: NodeJS.ProcessEnv) {
  const args = ['--import', 'tsx', '-C', 'tenantry-source', demo]
  return spawnSync(process.execPath, args, { env: { ...process.env, ...nothing, ...env }, encoding: 'utf8' })
}

describe('the demo where servers are missing', () => {
  it('without Redis says what to install, and stops', () => {
    const { status, stdout, stderr } = show({ TENANTRY_REDIS: '' })
    expect(stderr).toBe('The demo needs Redis. No redis-server on PATH and no Docker engine: install redis-server.\n')
    expect([status, stdout]).toEqual([1, ''])
  })

  it('without a MongoDB of any kind says what to install, and stops', () => {
    // It is looked for only, and not started before there is a MongoDB.
    const { status, stdout, stderr } = show({ TENANTRY_REDIS: process.execPath })
    expect(stderr).toBe(
      'The demo needs MongoDB, or what speaks like one. No MongoDB: no Docker engine answers and no JDK is on PATH. Set TENANTRY_MONGO_URL, start Docker, or install a JDK and Maven.\n',
    )
    expect([status, stdout]).toEqual([1, ''])
  })
})
