import { Caught } from '../../caught.ts'
import { errorCode } from '../../error-code.ts'
import { checkOwn, expectThat, type Operation, type Turn } from '../../turn.ts'

/** The columns of `notes` by the id of a tenant: they differ, as they do while a migration goes from tenant to tenant. */
export type Shapes = ReadonlyMap<string, readonly string[]>

const text = 'select * from notes order by id'

/** One text and one name, and for every tenant a table of its own shape. */
export const shapeOperation = (shapes: Shapes): Operation => ({
  name: 'tables of another shape',
  share: 1,
  async run(turn) {
    // On several connections at once, which are killed so often that none would see it twice.
    const looks = await Promise.allSettled(Array.from({ length: 5 }, () => look(turn, shapes.get(turn.tenant.id))))
    const reasons = looks.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []))
    if (reasons.length > 0) throw reasons.find(reason => reason instanceof Caught) ?? reasons[0]
  },
})

async function look(turn: Turn, shape: readonly string[] = []): Promise<void> {
  try {
    const { rows, fields } = await turn.db.query({ name: text, text })
    const columns = fields.map(({ name }) => name)
    checkOwn(turn, rows)
    expectThat(columns.join() === shape.join(), `${turn.tenant.id} got the columns ${columns}`)
  } catch (error) {
    // How the server says that a statement was prepared for a table of another shape.
    if (errorCode(error) !== '0A000') throw error
    throw new Caught('wrong', `${turn.tenant.id} was given a statement that was prepared for another tenant`)
  }
}
