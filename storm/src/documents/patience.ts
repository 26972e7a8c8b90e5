/** Milliseconds after which nobody waits for an operation any more. */
const patience = 20_000

/**
 * Work that is given up when it is not answered. The driver (7.8) waits for ever when a connection is lost between the moment it looks
 * at it and the moment it writes: there is an `await` in between, and the socket's end is not heard of.
 */
export async function patient<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error('Not answered.'), { code: notAnswered })), patience)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The code of what was never answered. Whether it was done is not known. */
export const notAnswered = 'NOT_ANSWERED'
