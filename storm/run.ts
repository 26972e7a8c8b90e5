// What is asked for runs when it is imported.
await import(process.argv.includes('--leases') ? './src/leases/run.ts' : './src/storms.ts')
