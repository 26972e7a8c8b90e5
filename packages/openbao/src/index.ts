export { openbaoLeases } from './openbao-leases.ts'
export type {
  OpenbaoAuth,
  OpenbaoFetch,
  OpenbaoManagedServer,
  OpenbaoOptions,
  OpenbaoServer,
} from './openbao-options.ts'
