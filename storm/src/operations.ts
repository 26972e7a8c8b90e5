import type { Random } from './random.ts'
import type { Operation } from './turn.ts'

/** Chooses an operation, each as often as its share says. */
export type ChooseOperation = (random: Random) => Operation

/**
 * @throws Error unless the shares sum up to 100, so that each is a percentage, and each operation has a name of its own, by which a
 * problem is found.
 */
export function chooserOf(operations: readonly Operation[]): ChooseOperation {
  const sum = operations.reduce((total, { share }) => total + share, 0)
  if (sum !== 100) throw new Error(`The shares of the operations sum up to ${sum} and not to 100.`)
  const names = operations.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw new Error(`Two operations are named "${twice}".`)
  return random => {
    let at = random.int(sum)
    const found = operations.find(({ share }) => {
      at -= share
      return at < 0
    })
    if (found === undefined) throw new Error('There is nothing to choose.')
    return found
  }
}
