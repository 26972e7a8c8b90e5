import type pg from 'pg'
import type { Complaint } from '../../subject.ts'

const tag = 'of nobody'

/** Tables of the same names in `public`, which everybody may use: a name that falls through to them is seen as a leak. */
export const decoys: readonly string[] = [
  'grant usage on schema public to public',
  'create table public.notes (id int primary key, tag text not null, version bigint not null)',
  'create table public.marks (note int primary key, tag text not null)',
  `insert into public.notes values (1, '${tag}', 0)`,
  `insert into public.marks values (1, '${tag}')`,
  'grant select, insert, update, delete on public.notes, public.marks to public',
]

/** Nobody has written there either. */
export async function auditDecoys(admin: pg.Pool, complain: Complaint): Promise<void> {
  const { rows } = await admin.query(
    `select 'notes ' || id || ' ' || tag || ' ' || version as line from public.notes
     union all select 'marks ' || note || ' ' || tag from public.marks`,
  )
  const lines = rows.map(({ line }) => line).sort()
  if (lines.join() !== `marks 1 ${tag},notes 1 ${tag} 0`) complain('audit', `in public there is ${lines}`, 'leak')
}
