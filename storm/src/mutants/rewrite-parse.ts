/**
 * Puts another text in the place of a statement, in a write of whole protocol messages (message formats: a byte, then the length
 * of the rest). Parameters stay as they are.
 */
export function rewriteParse(messages: Buffer, rewrite: (text: string) => string): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < messages.length; ) {
    const end = at + 1 + messages.readInt32BE(at + 1)
    const message = messages.subarray(at, end)
    parts.push(message.readUInt8(0) === 0x50 ? rewritten(message, rewrite) : message)
    at = end
  }
  return Buffer.concat(parts)
}

/** Parse: name, text, and the number of parameter types, of which Tenantry gives none. */
function rewritten(message: Buffer, rewrite: (text: string) => string): Buffer {
  const afterName = message.indexOf(0, 5) + 1
  const afterText = message.indexOf(0, afterName) + 1
  const text = Buffer.from(`${rewrite(message.toString('utf8', afterName, afterText - 1))}\0`)
  const made = Buffer.concat([message.subarray(0, afterName), text, message.subarray(afterText)])
  made.writeInt32BE(made.length - 1, 1)
  return made
}
