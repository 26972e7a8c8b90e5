export { type AbilityParts, abilities } from './abilities.ts'
export { notesOf, type Query } from './notes.ts'
export { type PgSubjectParts, pgSubject } from './pg-subject.ts'
export { faulty, unit } from './unit.ts'
