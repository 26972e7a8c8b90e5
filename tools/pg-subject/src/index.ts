export { type PgSubjectParts, pgSubject } from './pg-subject.ts'
