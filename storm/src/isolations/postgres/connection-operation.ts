import { Caught } from '../../caught.ts'
import { driverCodes } from '../../error-code.ts'
import type { Operation } from '../../turn.ts'

/** What Tenantry leaves on a connection, in the eyes of somebody who uses the same pool. */
export const connectionOperation: Operation = {
  name: 'a connection as others find it',
  share: 1,
  expects: driverCodes,
  async run({ world }) {
    const [residue] = await world.subject.residue(1)
    if (residue !== undefined) throw new Caught('wrong', residue)
  },
}
