// What is asked for runs when it is imported.
const at = process.argv.indexOf('--store')
const store = at === -1 ? undefined : process.argv[at + 1]
if (process.argv.includes('--leases')) await import('./src/leases/run.ts')
else if (process.argv.includes('--suspension')) await import('./src/suspension/run.ts')
else if (process.argv.includes('--lifecycle')) await import('./src/lifecycle/run.ts')
else if (process.argv.includes('--suspensions')) await import('./src/suspensions/run.ts')
else if (store === 'redis') await import('./src/keyspace/run.ts')
else if (store === 'mongo') await import('./src/documents/run.ts')
else if (store === undefined) await import('./src/storms.ts')
else {
  console.error('--store must be redis or mongo.')
  process.exitCode = 2
}
