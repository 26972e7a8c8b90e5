import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { conclude, listen, openStage, type Scene } from '../src/index.ts'

let server: Awaited<ReturnType<typeof listen>>
beforeAll(async () => {
  server = await listen((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { host, ...headers } = request.headers
      const body = Buffer.concat(chunks).toString('latin1')
      response.writeHead(202, { 'content-type': 'application/problem+json' })
      response.end(JSON.stringify({ says: [request.method, host, request.url, headers['x-key'], body].join(' ') }))
    })
  })
})
afterAll(() => server.close())
const exitCode = process.exitCode
afterEach(() => {
  process.exitCode = exitCode
  vi.restoreAllMocks()
})

const scene: Scene = {
  who: 'somebody',
  what: 'ask',
  call: {
    method: 'PUT',
    host: 'a.example',
    path: '/a/../%2e',
    headers: { 'x-key': 'k' },
    body: Buffer.from('\xff', 'latin1'),
  },
  status: 202,
  says: 'PUT a.example /a/../%2e k \xff',
}

async function played(...scenes: readonly Scene[]) {
  const stage = openStage(body => (body as { says: string }).says)
  for (const one of scenes) await stage.play(server.port, one)
  return stage.results
}

it('a scene sends exactly what it says, and is judged by status and words', async () => {
  const results = await played(scene, { ...scene, status: 200 }, { ...scene, says: 'something else' })
  expect(results.map(({ asExpected }) => asExpected)).toEqual([true, false, false])
})

it.each([
  { scenes: [scene], code: 0, last: '1 requests: all is well.', failed: 0 },
  { scenes: [scene, { ...scene, says: 'no' }], code: 1, last: '1 of 2 answers were not as they must be.', failed: 1 },
])('the process ends with $code after $failed wrong answers, and says so', async ({ scenes, code, last, failed }) => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  const results = await played(...scenes)
  const conclusion = { title: 'A title:', moral: 'all is well.', facts: { more: 1 } }

  conclude(results, { ...conclusion, json: false })
  expect(process.exitCode).toBe(code)
  expect(log.mock.calls.at(-1)).toEqual([`\n${last}`])
  expect(log.mock.calls.flat().filter(line => /WRONG$/.test(line))).toHaveLength(failed)

  conclude(results, { ...conclusion, json: true })
  expect(process.exitCode).toBe(code)
  expect(JSON.parse(log.mock.calls.at(-1)?.[0])).toEqual({ results, failed, more: 1 })
})

it('what is found behind the scenes is judged too, and counted apart', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  const stage = openStage(body => (body as { says: string }).says)
  await stage.play(server.port, scene)
  stage.see({ who: 'administrator', what: 'count', found: '2', says: '2' })
  const conclusion = { title: 'A title:', moral: 'all is well.', facts: {}, json: false }
  conclude(stage.results, conclusion)
  expect(log.mock.calls.at(-1)).toEqual(['\n1 requests and 1 looks behind the scenes: all is well.'])
  stage.see({ who: 'administrator', what: 'count', found: '1', says: '2' })
  conclude(stage.results, conclusion)
  expect(process.exitCode).toBe(1)
  expect(log.mock.calls.at(-1)).toEqual(['\n1 of 3 answers were not as they must be.'])
})
