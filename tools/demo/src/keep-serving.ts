/** Keeps the service running for as long as its user likes. */
export async function keepServing(tries: readonly string[]): Promise<void> {
  console.log(`\nIt keeps running until you press Ctrl-C. Try:\n\n${tries.map(line => `  ${line}`).join('\n')}\n`)
  await new Promise<void>(resolve => {
    process.once('SIGINT', () => resolve())
    process.once('SIGTERM', () => resolve())
  })
}
