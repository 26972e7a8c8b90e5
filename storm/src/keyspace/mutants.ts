import type { Break } from './world.ts'

/** What the storm must notice: the isolation with one thing broken, now and then. */
export const keyspaceMutants: Readonly<Record<string, () => Break>> = {
  'a key keeps its name without the prefix': () =>
    seldom(({ name, args }) => {
      if (name === 'set') args[0] = String(args[0]).replace(/^t:[^:]+:/, '')
    }),
  'a key is read of the tenant before': () => {
    let before = ''
    return seldom(({ name, args }) => {
      const [prefix] = /^t:[^:]+:/.exec(String(args[0])) ?? []
      if (name === 'get' && prefix !== undefined && before !== '') args[0] = String(args[0]).replace(prefix, before)
      if (prefix !== undefined) before = prefix
    })
  },
  'an answer is that of the one before': () => {
    let before: unknown
    return seldom(command => {
      if (command.name !== 'get') return
      const { transformReply } = command
      command.transformReply = function (reply) {
        const now = transformReply.call(this, reply)
        const seen = before ?? now
        before = now
        return seen as typeof now
      }
    })
  },
  'a pattern matches the keys of all': () =>
    seldom(({ name, args }) => {
      if (name === 'keys') args[0] = String(args[0]).replace(/^t:[^:]+:/, 't:*:')
    }),
  'the second key of a command has no prefix': () =>
    seldom(({ name, args }) => {
      if (name === 'rename') args[1] = String(args[1]).replace(/^t:[^:]+:/, '')
    }),
}

function seldom(work: Break): Break {
  let count = 0
  return command => {
    count += 1
    if (count % 7 === 0) work(command)
  }
}
