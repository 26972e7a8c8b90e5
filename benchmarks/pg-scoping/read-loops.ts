const oneTable = 'from notes a'
const fourTables = 'from notes a join notes b on b.id = a.id join notes c on c.id = a.id join notes d on d.id = a.id'

function body(from: string, then = ''): string {
  return `language plpgsql as
    $$ begin for n in 1..times loop perform a.text ${from} where a.id = n; ${then} end loop; end $$`
}

/** Reads by primary key, many in one call, so that neither the network nor the client is in the time. */
export const loopStatements = [
  `create function read_one_table(times int) returns void ${body(oneTable)}`,
  `create function read_four_tables(times int) returns void ${body(fourTables)}`,
  `create procedure read_alone(times int) ${body(oneTable, 'commit;')}`,
]
