/** Says how far a storm is, on standard error: on a terminal in one line, elsewhere in a line every ten seconds. */
export function createProgress(title: string, operations: number): { at(done: number): void; end(): void } {
  const stream = process.stderr
  let said = performance.now()
  // The storm begins when its world is made, which takes its time.
  let first: { readonly done: number; readonly at: number } | undefined
  return {
    at(done) {
      const now = performance.now()
      first ??= { done, at: now }
      const rate = now === first.at ? 0 : Math.round(((done - first.done) / (now - first.at)) * 1000)
      const line = `${title}: ${done} of ${operations} operations, ${rate}/s`
      if (stream.isTTY) stream.write(`\r\x1b[K${line}`)
      else if (now - said > 10_000) {
        said = now
        stream.write(`${line}\n`)
      }
    },
    end() {
      if (stream.isTTY) stream.write('\r\x1b[K')
    },
  }
}
