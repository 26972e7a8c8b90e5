// The one way in on a fresh clone: checks Node, fetches the pinned pnpm, installs, then runs a script of package.json.
//   node tools/scripts/bootstrap.mjs <script> [arguments]
// Plain JavaScript of an old dialect on purpose: it must still parse on the Node versions that it refuses.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

const current = process.versions.node.split('.').map(Number)
const wanted = /(\d+)\.(\d+)/.exec(manifest.engines.node).slice(1).map(Number)
if (current[0] < wanted[0] || (current[0] === wanted[0] && current[1] < wanted[1])) {
  console.error(
    `Tenantry needs Node ${manifest.engines.node}; this is ${process.versions.node}. Install a newer Node and run the command again.`,
  )
  process.exit(1)
}

const script = process.argv[2]
if (script === undefined || manifest.scripts[script] === undefined) {
  console.error(`Usage: node tools/scripts/bootstrap.mjs <script>, one of: ${Object.keys(manifest.scripts).join(', ')}`)
  process.exit(2)
}

const windows = process.platform === 'win32'
const quiet = script !== 'gates'

/** Runs the pinned pnpm through npm, so that nothing but Node and npm is needed. */
function pnpm(args, stdio) {
  const command = ['exec', '--yes', '--', manifest.packageManager, ...args]
  const result = spawnSync('npm', command, {
    cwd: root,
    stdio,
    shell: windows,
    env: Object.assign({}, process.env, { npm_config_update_notifier: 'false' }),
  })
  if (result.error) throw result.error
  if (result.status === 0) return
  if (result.stdout) process.stderr.write(result.stdout)
  if (result.stderr) process.stderr.write(result.stderr)
  process.exit(result.status === null ? 1 : result.status)
}

// Progress goes to standard error, so that the script's own output stays clean for `--json`.
console.error('tenantry: installing what the lock file names …')
pnpm(['install', '--frozen-lockfile', '--prefer-offline'], quiet ? 'pipe' : ['ignore', 2, 2])
const args = process.argv.slice(3)
if (args[0] === '--') args.shift()
// A script may have variants: `demo:run schema` is `demo:run:schema`.
const variant = manifest.scripts[`${script}:${args[0]}`] === undefined ? script : `${script}:${args.shift()}`
pnpm(['--silent', 'run', variant, ...args], 'inherit')
