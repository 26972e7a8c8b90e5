import { open } from 'node:fs/promises'

/** The file that a server and its tools write their output to, one after another. */
export const serverLog = (path: string) => {
  const opened = async <T>(work: (text: Buffer) => T): Promise<T> => {
    // Reading makes the file too: nothing may have been written yet.
    const file = await open(path, 'a+')
    try {
      return work(await file.readFile())
    } finally {
      await file.close()
    }
  }
  return {
    path,
    /** Bytes written so far: a mark for `tail`. */
    size: () => opened(text => text.length),
    /** The last twenty lines of what was written after the mark. */
    tail: (mark: number) =>
      opened(text => text.subarray(mark).toString('utf8').trimEnd().split('\n').slice(-20).join('\n')),
  }
}
