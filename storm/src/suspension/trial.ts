import type { ChildProcess } from 'node:child_process'
import type { Lifecycle } from '@tenantry/core'
import type { Word } from './messages.ts'

/** What a trial has seen. */
export interface Trial {
  /** Milliseconds from the beginning of the suspension to the refusal, of each process and tenant. */
  readonly delays: readonly number[]
  readonly problems: readonly string[]
}

/** Suspends tenants that all processes serve, and waits until all refuse them, and go on refusing. */
export async function trial(
  children: readonly ChildProcess[],
  lifecycle: Lifecycle,
  hosts: readonly string[],
): Promise<Trial> {
  const delays: number[] = []
  const problems: string[] = []
  const begun = new Map<string, number>()
  const serving = children.map(child => heard(child, word => word.kind === 'serving'))
  const ended = children.map(child => {
    const left = new Set(hosts)
    return heard(child, word => {
      if (word.kind === 'relapse') problems.push(`${word.host} was served again`)
      if (word.kind !== 'refused') return false
      const since = begun.get(word.host)
      if (since === undefined) problems.push(`${word.host} was refused before anything was done`)
      else delays.push(word.at - since)
      if (word.code !== 'TENANT_SUSPENDED') problems.push(`${word.host} was refused with ${word.code}`)
      left.delete(word.host)
      return left.size === 0
    })
  })
  for (const child of children) child.send({ kind: 'serve', hosts })
  await Promise.all(serving)
  await Promise.all(
    hosts.map(async id => {
      begun.set(id, Date.now())
      await lifecycle.suspend(id, { actor: 'storm' })
    }),
  )
  await Promise.all(ended)
  // Each process goes on asking for a while.
  await new Promise(resolve => setTimeout(resolve, 400))
  for (const child of children) child.removeAllListeners('message')
  return { delays, problems }
}

/** Resolves with the first word that this is true of. */
export function heard(child: ChildProcess, isIt: (word: Word) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`A process of the storm ended with ${code}.`))
    child.once('exit', ended)
    child.on('message', (word: Word) => {
      if (!isIt(word)) return
      child.off('exit', ended)
      resolve()
    })
  })
}
