/** Says how far a storm is, on standard error: on a terminal in one line, elsewhere in a line every ten seconds. */
export function createProgress(title: string, operations: number): { at(done: number): void; end(): void } {
  const stream = process.stderr
  const begun = performance.now()
  let said = begun
  return {
    at(done) {
      const now = performance.now()
      const rate = Math.round((done / (now - begun)) * 1000)
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
