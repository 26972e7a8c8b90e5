// What is asked for runs when it is imported.
if (process.argv.includes('--leases')) await import('./src/leases/run.ts')
else await import('./src/storms.ts')
