import type { LawResult, Report } from './report.ts'

/** A report as JUnit's XML, as CI servers read it. */
export function junitReport({ adapter, server, claims, seed, laws, failed, skipped }: Report): string {
  const facts = { adapter, ...(server === undefined ? {} : { server }), ...claims, seed }
  const properties = Object.entries(facts).map(([name, value]) => `      <property${attributes({ name, value })}/>`)
  const time = seconds(laws.reduce((sum, result) => sum + ('duration' in result ? result.duration : 0), 0))
  const suite = { name: `Conformance of ${adapter}`, tests: laws.length, failures: failed, errors: 0, skipped, time }
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite${attributes(suite)}>`,
    ...['    <properties>', ...properties, '    </properties>'],
    ...laws.map(law => testcase(adapter, law)),
    ...['  </testsuite>', '</testsuites>', ''],
  ].join('\n')
}

function testcase(adapter: string, result: LawResult): string {
  const { law: name, claim, canary } = result
  const classname = claim === undefined ? adapter : `${adapter}.${claim}`
  const time = seconds('duration' in result ? result.duration : 0)
  const note = canary === undefined ? '' : `<system-out>${escaped(`Canary: ${canary}`)}</system-out>`
  return `    <testcase${attributes({ classname, name, time })}>${outcome(result)}${note}</testcase>`
}

function outcome(result: LawResult): string {
  switch (result.status) {
    case 'passed':
      return ''
    case 'skipped':
      return `<skipped${attributes({ message: result.reason })}/>`
    case 'failed': {
      const { message, name, stack } = result.error
      return `<failure${attributes({ message, type: name })}>${escaped(stack ?? message)}</failure>`
    }
  }
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3)
}

function attributes(values: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
    .join('')
}

// Line ends too, which a parser makes spaces of in attributes (XML 1.0, section 3.3.3).
const references: Readonly<Record<string, string>> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' },
  ...{ '\n': '&#10;', '\r': '&#13;', '\t': '&#9;' },
}

function escaped(text: string): string {
  return (
    text
      // What XML 1.0 has no way to say at all (section 2.2): a law may quote anything.
      .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
      .replaceAll(/[&<>"'\n\r\t]/g, character => references[character] ?? character)
  )
}
