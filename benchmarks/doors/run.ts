import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import autocannon from 'autocannon'
import { keepApart } from '../keep-apart.ts'
import { describeMeasure, isMissed, type Measure } from '../measure.ts'
import { median, medianOfRounds } from '../median.ts'
import { type SubjectName, subjectNames } from './subjects.ts'
import { issueTokens } from './tokens.ts'

// What does a door cost? Requests per second of a framework by itself and with Tenantry in front of it, each server a process of its
// own on another core than the load, in turns. Tokens: each of some thousand users comes again and again, as users do.

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '2' },
    connections: { type: 'string', default: '32' },
    users: { type: 'string', default: '5000' },
  },
})
const [rounds, seconds, connections, users] = [values.rounds, values.seconds, values.connections, values.users].map(
  Number,
) as [number, number, number, number]

const { tokens, jwks } = await issueTokens(users)
const requests = tokens.map((token, n) => ({
  method: 'GET' as const,
  path: '/notes',
  headers: { host: `tenant-${n % 1_000}.example.com`, authorization: `Bearer ${token}` },
}))

interface Running {
  readonly child: ChildProcess
  readonly port: number
}

async function start(name: SubjectName): Promise<Running> {
  const child = fork(new URL('server.ts', import.meta.url), [name, JSON.stringify(jwks)], { stdio: 'inherit' })
  const [port] = (await once(child, 'message')) as [number]
  return { child, port }
}

/** Requests per second. Anything but 200 is no answer to count. */
async function load({ port }: Running, duration: number): Promise<number> {
  const result = await autocannon({ url: `http://127.0.0.1:${port}`, connections, duration, requests })
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} refusals and ${result.errors} errors.`)
  return result.requests.total / result.duration
}

const servers = new Map<SubjectName, Running>()
try {
  for (const name of subjectNames) servers.set(name, await start(name))
  keepApart([...servers.values()].flatMap(({ child }) => child.pid ?? []))
  const rates = Object.fromEntries(subjectNames.map(name => [name, [] as number[]])) as Record<SubjectName, number[]>
  const warmUp = 2
  for (let round = -warmUp; round < rounds; round++) {
    for (let turn = 0; turn < subjectNames.length; turn++) {
      const name = subjectNames[(round + warmUp + turn) % subjectNames.length] as SubjectName
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K  round ${round + 1} of ${rounds}: ${name} `)
      const rate = await load(servers.get(name) as Running, seconds)
      if (round >= 0) rates[name].push(rate)
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')

  const share = (one: SubjectName, other: SubjectName) => medianOfRounds(rates, row => row[one] / row[other])
  const measures: readonly Measure[] = [
    { what: 'express by host, of express', value: share('express, by host', 'express'), unit: '×', atLeast: 0.95 },
    { what: 'fastify by host, of fastify', value: share('fastify, by host', 'fastify'), unit: '×', atLeast: 0.95 },
    {
      what: 'express by token, of jose by hand',
      value: share('express, by token', 'express, jose by hand'),
      unit: '×',
      atLeast: 0.85,
    },
  ]
  const perSecond = Object.fromEntries(subjectNames.map(name => [name, Math.round(median(rates[name]))]))
  // So that a script notices; run it on a machine that has nothing else to do.
  process.exitCode = measures.some(isMissed) ? 1 : 0
  if (values.json) console.log(JSON.stringify({ node: process.version, perSecond, measures }, null, 2))
  else {
    console.log(`Node ${process.version}; ${rounds} rounds of ${seconds} s, ${connections} connections`)
    for (const [name, rate] of Object.entries(perSecond)) console.log(`    ${name.padEnd(45)} ${rate} requests/s`)
    for (const measure of measures) console.log(describeMeasure(measure))
  }
} finally {
  for (const { child } of servers.values()) child.disconnect()
}
