import { readFileSync } from 'node:fs'

/** An account of the operating system. */
export interface SystemUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/**
 * The account that servers run as when this process is root (PostgreSQL refuses root), or undefined when it is not root.
 *
 * @throws Error when this process is root and the system has neither `postgres` nor `nobody`.
 */
export const unprivilegedUser = (): SystemUser | undefined => {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map(line => line.split(':'))
  for (const wanted of ['postgres', 'nobody']) {
    const account = accounts.find(([name]) => name === wanted)
    if (account) return { name: wanted, uid: Number(account[2]), gid: Number(account[3]) }
  }
  throw new Error('Servers do not run as root, and this system has neither a "postgres" nor a "nobody" user.')
}
