import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  formatReport,
  laws,
  memorySubject,
  middlewareLaws,
  type Report,
  referenceDoor,
  runConformance,
  runMiddleware,
  spaceSubject,
} from '../src/index.ts'
import { type Element, parseXml } from './fixtures/parse-xml.ts'

function inside(element: Element, name: string): Element[] {
  return element.children.flatMap(child => (child.name === name ? [child] : inside(child, name)))
}

function reportOf(text: string): Report {
  const error = new Error(text)
  return {
    ...{ adapter: text, server: text, claims: { pooled: true }, seed: 1, passed: 0, failed: 1, skipped: 1 },
    laws: [
      { law: text, status: 'failed', duration: 1, error, canary: text },
      { law: text, status: 'skipped', reason: text },
    ],
  }
}

it('a report says adapter, server, claims, seed, and of each law its canary, outcome and time', async () => {
  const report = await runConformance(memorySubject, { seed: 7 })
  expect(report).toMatchObject({ adapter: 'memory', server: 'memory', seed: 7, failed: 0 })
  expect(formatReport(report)).toContain(
    'Conformance of memory on memory: claims sharedStore, enforced, pooled, transactions; seed 7',
  )
  expect(formatReport(report)).toContain(`${laws.length} of ${laws.length} laws have a canary`)

  expect(JSON.parse(formatReport(report, 'json'))).toEqual(JSON.parse(JSON.stringify(report)))

  const xml = parseXml(formatReport(report, 'junit'))
  const [suite] = inside(xml, 'testsuite')
  expect(suite?.attributes).toMatchObject({ tests: `${laws.length}`, failures: '0', skipped: `${report.skipped}` })
  const properties = inside(xml, 'property').map(({ attributes: { name, value } }) => [name, value])
  expect(Object.fromEntries(properties)).toMatchObject({
    adapter: 'memory',
    server: 'memory',
    seed: '7',
    pooled: 'true',
  })
  expect(inside(xml, 'testcase').map(({ attributes }) => attributes.name)).toEqual(laws.map(({ name }) => name))
  expect(inside(xml, 'skipped').map(({ attributes }) => attributes.message)).toEqual(
    report.laws.flatMap(result => (result.status === 'skipped' ? [result.reason] : [])),
  )
  expect(inside(xml, 'system-out')).toHaveLength(laws.length)
})

it('a report of a door is of the same kind', async () => {
  const report = await runMiddleware(referenceDoor, { seed: 7 })
  expect(report).toMatchObject({ adapter: 'reference door', claims: {}, failed: 0, skipped: 0, seed: 7 })
  expect(report.laws.map(({ law }) => law)).toEqual(middlewareLaws.map(({ name }) => name))
  expect(report.laws.every(({ canary }) => canary !== undefined)).toBe(true)
  expect(inside(parseXml(formatReport(report, 'junit')), 'testcase')).toHaveLength(middlewareLaws.length)
})

it('a broken law is in each format with what it found', async () => {
  const report = await runConformance(() => spaceSubject({ adopts: () => true }), { seed: 7 })
  const broken = 'provisioning never adopts a foreign object'
  expect(formatReport(report)).toContain(`✗ ${broken}`)
  const read = JSON.parse(formatReport(report, 'json')) as Report
  expect(read.laws.find(({ law }) => law === broken)).toMatchObject({
    status: 'failed',
    error: { message: expect.stringContaining('was adopted') },
  })
  const [failure] = inside(parseXml(formatReport(report, 'junit')), 'failure')
  expect(failure?.attributes.message).toContain('was adopted')
})

it('JUnit is well-formed whatever a report quotes, and reads back as it was', () => {
  const hostile = `]]> <a b="c">'&amp;\n\t\r</testcase> \u{1f600} é`
  const [failure] = inside(parseXml(formatReport(reportOf(hostile), 'junit')), 'failure')
  expect(failure?.attributes.message).toBe(hostile)
  expect(failure?.text).toContain(hostile)
  expect(formatReport(reportOf('\u0000\ud800\uffff'), 'junit')).toContain('\ufffd\ufffd\ufffd')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      expect(parseXml(formatReport(reportOf(text), 'junit')).name).toBe('testsuites')
      expect(() => JSON.parse(formatReport(reportOf(text), 'json'))).not.toThrow()
    }),
  )
})
