/** Says on standard error what is going on: on a terminal in one line that is written over, elsewhere in lines. */
export function showLine(): { show(text: string): void; end(): void } {
  const stream = process.stderr
  return {
    show: text => void stream.write(stream.isTTY ? `\r\x1b[K${text}` : `${text}\n`),
    end() {
      if (stream.isTTY) stream.write('\r\x1b[K')
    },
  }
}
