/** Resolves for all who wait once so many do; then anew. */
export function rendezvous(parties: number): () => Promise<void> {
  let waiting: (() => void)[] = []
  return () =>
    new Promise(resolve => {
      waiting.push(resolve)
      if (waiting.length < parties) return
      const all = waiting
      waiting = []
      for (const go of all) go()
    })
}
