import { randomBytes } from 'node:crypto'
import { createTenancy, memoryRegistry } from '@tenantry/core'
import type { TenantPool } from '@tenantry/pg'
import { describePostgres } from '@tenantry/servers/vitest'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { pgRls } from '../src/index.ts'
import { challengeToken, stampToken } from '../src/seal/token.ts'
import {
  challengeOf,
  claim,
  claiming,
  modes,
  type SealedBench,
  sealedBench,
  testKey,
  tokenFor,
} from './sealed-bench.ts'
import { connect, openPool, recorder, sqlState } from './support.ts'

const registry = memoryRegistry()
const a = registry.add({ id: 'a', slug: 'a', name: 'a' })
const b = registry.add({ id: 'b', slug: 'b', name: 'b' })
const tenancy = createTenancy({ registry, logger: recorder() })

/** What stands between B's rows and whoever reads them. */
const loot = 'SECRET-OF-B'

/** SQL of an attacker inside A's request; TOKEN stands for a token that is alive for B, on another connection. */
const injections = [
  `select '' union all select set_config('tenantry.tenant_id', 'b', true) union all select body from notes`,
  `select body from notes where (select set_config('tenantry.tenant_id', 'b', true)) is not null`,
  `select body from notes where set_config('tenantry.tenant_id', 'b', true) is not null`,
  `select body from notes where set_config('tenantry.tenant_id', 'b', false) is not null`,
  `select n.body from (select set_config('tenantry.tenant_id', 'b', true) offset 0) s cross join lateral (select body, s.* from notes) n`,
  `select n.body from generate_series(1, 1) g, lateral (select set_config('tenantry.tenant_id', 'b' || left(g::text, 0), true)) s, lateral (select body from notes where s is not null) n`,
  `with s as materialized (select set_config('tenantry.tenant_id', 'b', true)) select body from s, notes`,
  `with s as (select set_config('tenantry.tenant_id', 'b', true)), t as (select set_config('tenantry.seal', 'TOKEN', true)) select body from s, t, notes`,
  `select body from notes where set_config('tenantry.seal', 'TOKEN', true) || set_config('tenantry.tenant_id', 'b', true) <> ''`,
  `select body from notes where set_config('tenantry.seal', '', true) || set_config('tenantry.tenant_id', 'b', true) <> 'x'`,
  `select body from notes where set_config('tenantry.seal', 'zz', true) || set_config('tenantry.tenant_id', 'b', true) <> 'x'`,
  `select body from notes where set_config('tenantry.seal', '01', true) || set_config('tenantry.tenant_id', 'b', true) <> 'x'`,
  `select body from notes where set_config('tenantry.tenant_id', '', true) is not null`,
  `select body from notes where set_config('row_security', 'off', true) is not null`,
  `select body from notes where set_config('role', 'OWNER', true) is not null`,
  `select body from notes where set_config('session_authorization', 'postgres', true) is not null`,
  `select body from notes where set_config('session_replication_role', 'replica', true) is not null`,
  `select body from notes where set_config('search_path', 'pg_temp, public', true) is not null`,
  `select query_to_xml('select set_config(''tenantry.tenant_id'', ''b'', true), body from notes', true, true, '')::text as body`,
  `select query_to_xml('select body from notes', true, true, set_config('tenantry.tenant_id', 'b', true))::text as body`,
  `select table_to_xml('notes', true, true, set_config('tenantry.tenant_id', 'b', true))::text as body`,
  `update notes set body = body where set_config('tenantry.tenant_id', 'b', true) is not null returning body`,
  `delete from notes where set_config('tenantry.tenant_id', 'b', true) is not null returning body`,
  `insert into notes (id, body, tenant_id) values (99, set_config('tenantry.tenant_id', 'b', true), 'b') returning body`,
  `reset tenantry.tenant_id`,
  `reset all`,
  `set role OWNER`,
  `set local tenantry.tenant_id = 'b'`,
  `set local session authorization default`,
  `discard all`,
  `commit and chain`,
  `table tenancy.seal_key`,
  `select encode(ipad, 'hex') as body from tenancy.seal_key`,
  `explain (analyze, verbose) select body from notes where set_config('tenantry.tenant_id', 'b', true) is not null`,
  `do $$ begin perform set_config('tenantry.tenant_id', 'b', true); raise notice '%', (select string_agg(body, ',') from notes); end $$`,
  `do $$ begin commit; perform set_config('tenantry.tenant_id', 'b', true); raise exception '%', (select string_agg(body, ',') from notes); end $$`,
  `create function pg_temp.sha256(bytea) returns bytea language sql as $$ select ''::bytea $$`,
  `create temp table seal_key (id smallint, ipad bytea, opad bytea)`,
  `create function public.sha256(bytea) returns bytea language sql as $$ select ''::bytea $$`,
  `create operator public.= (leftarg = bytea, rightarg = bytea, function = bytea_true)`,
  `create or replace function tenancy.current_tenant() returns text language sql as $$ select 'b' $$`,
  `alter function tenancy.current_tenant() security invoker`,
  `alter role current_user bypassrls`,
  `copy notes to stdout`,
] as const

/** Settings that anybody may change and that have fooled parsers of text. */
const oddSettings = [
  ['DateStyle', 'SQL, DMY'],
  ['TimeZone', 'Asia/Kathmandu'],
  ['IntervalStyle', 'sql_standard'],
  ['bytea_output', 'escape'],
  ['standard_conforming_strings', 'off'],
  ['backslash_quote', 'on'],
  ['extra_float_digits', '-15'],
  ['transform_null_equals', 'on'],
  ['client_encoding', 'LATIN1'],
  ['array_nulls', 'off'],
  ['quote_all_identifiers', 'on'],
  ['plpgsql.extra_errors', 'all'],
  ['plpgsql.check_asserts', 'off'],
  ['jit_above_cost', '0'],
  ['from_collapse_limit', '1'],
  ['search_path', 'pg_temp, public'],
] as const

describePostgres(
  'forging a tenant context',
  server => {
    describe.each(modes)('%s', mode => {
      let bench: SealedBench
      let pool: pg.Pool
      let rows: TenantPool
      let raw: pg.Client
      beforeAll(async () => {
        bench = await sealedBench(server, mode)
        pool = openPool(bench.database, { max: 1 })
        rows = tenancy.handle(pgRls({ pool, logger: recorder(), ...bench.options }))
      })
      beforeEach(async () => {
        await bench.admin(
          'delete from notes',
          `insert into notes (tenant_id, id, body) values ('a', 1, 'of a'), ('b', 1, '${loot}')`,
        )
        raw = await connect(bench.database.runtimeUrl)
      })
      afterEach(() => raw.end())
      afterAll(() => pool.end())

      const untouched = async () =>
        expect((await bench.admin(`select id, body from notes where tenant_id = 'b'`)).rows).toEqual([
          { id: 1, body: loot },
        ])

      /** Everything that a statement of an attacker makes the server say. */
      async function said(work: () => Promise<pg.QueryResult>): Promise<string> {
        try {
          return JSON.stringify(await work())
        } catch (error) {
          return `${JSON.stringify(error)}${String(error)}`
        }
      }
      const fill = (text: string, token: string) =>
        text.replaceAll('TOKEN', token).replaceAll('OWNER', bench.database.ownerRole)

      /** A token that is alive for B on another connection, in an open transaction. */
      async function withLiveToken<T>(work: (token: string) => Promise<T>): Promise<T> {
        const other = await connect(bench.database.runtimeUrl)
        try {
          await other.query('begin')
          const token = await tokenFor(other, mode, bench.key, 'b')
          await claim(other, 'b', token)
          expect((await other.query('select body from notes')).rows).toEqual([{ body: loot }])
          return await work(token)
        } finally {
          await other.end()
        }
      }

      it.each(injections)('through Tenantry: %s', async text => {
        await withLiveToken(async token => {
          const statement = fill(text, token)
          expect(await said(() => tenancy.run(a, () => rows.query(statement)))).not.toContain(loot)
          const client = await tenancy.run(a, () => rows.connect())
          const inside = await tenancy.run(a, async () => {
            const answers = [await said(() => client.query('begin'))]
            for (const next of [statement, 'select body from notes', 'rollback'])
              answers.push(await said(() => client.query(next)))
            client.release()
            return answers.join('\n')
          })
          expect(inside).not.toContain(loot)
        })
        expect((await tenancy.run(b, () => rows.query('select body from notes'))).rows).toEqual([{ body: loot }])
        await untouched()
      })

      it.each(injections)('with a connection of their own, several statements at a time: %s', async text => {
        const heard: string[] = []
        raw.on('notice', notice => heard.push(JSON.stringify(notice)))
        await withLiveToken(async token => {
          await raw.query('begin')
          await claim(raw, 'a', await tokenFor(raw, mode, bench.key, 'a'))
          const more = [
            fill(text, token),
            'select body from notes',
            `select set_config('tenantry.tenant_id', 'b', true), set_config('tenantry.seal', '${token}', true)`,
            'select body from notes',
            `commit; begin; select set_config('tenantry.tenant_id', 'b', true), set_config('tenantry.seal', '${token}', true); select body from notes`,
            'rollback',
            `begin; select set_config('tenantry.tenant_id', 'b', true); savepoint s; select body from notes`,
            'rollback',
          ]
          // Behind the pooler a stamp holds on every connection, and the token is B's own.
          for (const statement of more) heard.push(await said(() => raw.query(statement)))
        })
        expect(heard.join('\n')).not.toContain(loot)
        await untouched()
      })

      it('a proof of A: nothing that the session may set makes it a proof of B, or breaks it', async () => {
        for (const [name, value] of oddSettings) {
          await raw.query('begin')
          await claim(raw, 'a', await tokenFor(raw, mode, bench.key, 'a'))
          await raw.query('select set_config($1, $2, true)', [name, value])
          expect((await raw.query('select body from public.notes')).rows, name).toEqual([{ body: 'of a' }])
          await raw.query(`select set_config('tenantry.tenant_id', 'b', true)`)
          expect(await sqlState(raw.query('select body from public.notes')), name).toBe('42501')
          await raw.query('rollback')
        }
      })

      it('savepoints: what is rolled back to is A again, and never B', async () => {
        await raw.query('begin')
        await claim(raw, 'a', await tokenFor(raw, mode, bench.key, 'a'))
        await raw.query('savepoint s')
        await raw.query(`set local tenantry.tenant_id = 'b'`)
        expect(await sqlState(raw.query('select body from notes'))).toBe('42501')
        await raw.query('rollback to s')
        expect((await raw.query('select body from notes')).rows).toEqual([{ body: 'of a' }])
        await raw.query('rollback')
      })

      it.each(['auto', 'force_custom_plan', 'force_generic_plan'])(
        'plans that the server prints (%s) show neither key nor the true code',
        async plans => {
          const heard: string[] = []
          raw.on('notice', notice => heard.push(`${notice.message} ${notice.detail} ${notice.where} ${notice.hint}`))
          await raw.query('begin')
          const said = await challengeOf(raw)
          const now = said.readBigInt64BE(4)
          const forB =
            mode === 'challenge'
              ? challengeToken(bench.key.id, bench.key.bytes, 'b', said)
              : stampToken(bench.key.id, bench.key.bytes, 'b', said.subarray(0, 4), now - 1n, now + 1n)
          const wrong = `${forB.slice(0, -64)}${randomBytes(32).toString('hex')}`
          await claim(raw, 'b', wrong)
          await raw.query(`set local plan_cache_mode = '${plans}'`)
          await raw.query('set local client_min_messages = log')
          for (const name of ['debug_print_parse', 'debug_print_rewritten', 'debug_print_plan'])
            await raw.query(`set local ${name} = on`)
          await raw.query('set local debug_pretty_print = off')
          for (let turn = 0; turn < 8; turn++) {
            await raw.query('savepoint s')
            expect(await sqlState(raw.query('select body from notes'))).toBe('42501')
            await raw.query('rollback to s')
          }
          await raw.query('rollback')
          // Plans are wrapped like text.
          const output = heard.join('\n').replace(/\s+/g, ' ')
          // Behind the pooler the server may have had its plan for long.
          if (server.bouncer === undefined) expect(output).toContain('seal_key')
          // The server prints bytes of a constant as signed decimals.
          const secrets = [
            bench.key.bytes,
            ...[0x36, 0x5c].map(pad => Buffer.from(bench.key.bytes.map(byte => byte ^ pad))),
          ]
          secrets.push(Buffer.from(forB.slice(-64), 'hex'))
          for (const bytes of secrets) {
            const part = bytes.subarray(0, 12)
            const signed = [...new Int8Array(part)].join(' ')
            for (const form of [part.toString('hex'), part.toString('latin1'), signed, [...part].join(' ')])
              expect(output).not.toContain(form)
          }
          // The net has no hole: a part of the attacker's own token, which they know, is printed so.
          if (plans === 'force_custom_plan') {
            const own = Buffer.from(wrong, 'hex').subarray(2, 14)
            expect(output).toContain([...new Int8Array(own)].join(' '))
          }
        },
      )

      it('altered tokens: every single bit, every length, another tenant, key, kind, pid, time', async () => {
        await raw.query('begin')
        const said = await challengeOf(raw)
        const now = said.readBigInt64BE(4)
        const pid = said.subarray(0, 4)
        const { id, bytes } = bench.key
        const make = {
          challenge: (key = bytes, tenant = 'b', keyId = id) => challengeToken(keyId, key, tenant, said),
          stamp: (key = bytes, tenant = 'b', keyId = id) => stampToken(keyId, key, tenant, pid, now - 9n, now + 9n),
        }
        const good = make[mode]()
        const real = Buffer.from(good, 'hex')
        const forged: string[] = []
        for (let bit = 0; bit < real.length * 8; bit++) {
          const flipped = Buffer.from(real)
          flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
          forged.push(flipped.toString('hex'))
        }
        for (let length = 0; length < real.length; length++) forged.push(real.subarray(0, length).toString('hex'))
        for (let more = 1; more <= 40; more++) forged.push(Buffer.concat([real, randomBytes(more)]).toString('hex'))
        for (let from = 1; from < 40; from++) forged.push(real.subarray(from).toString('hex'))
        const other = await connect(bench.database.runtimeUrl)
        await other.query('begin')
        forged.push(
          await tokenFor(other, mode, bench.key, 'b'),
          make[mode](bytes, 'a'),
          make[mode](bytes, 'B'),
          make[mode](bytes, 'b '),
          make[mode](bytes, ''),
          make[mode](testKey().bytes),
          make[mode](bytes, 'b', 200),
          make[mode === 'challenge' ? 'stamp' : 'challenge'](),
          ...Array.from({ length: 500 }, () => `${good.slice(0, -64)}${randomBytes(32).toString('hex')}`),
          'not hex at all',
          good.slice(0, -1),
          ` ${good.slice(1)}`,
        )
        await other.end()
        let accepted = 0
        for (const token of forged) {
          await raw.query('savepoint s')
          await claim(raw, 'b', token)
          const state = await sqlState(raw.query('select body from notes'))
          if (!/^(?:42501|22023|2202E)$/.test(state ?? '')) accepted += 1
          await raw.query('rollback to s')
        }
        await claim(raw, 'b', good)
        expect((await raw.query('select body from notes')).rows).toEqual([{ body: loot }])
        await raw.query('rollback')
        expect(forged.length).toBeGreaterThan(900)
        expect(accepted).toBe(0)
      })

      it(`replayed in the next transaction of the same backend: ${mode === 'challenge' ? 'refused' : 'WHAT A STAMP LEAVES OPEN: inside its window it holds'}`, async () => {
        await raw.query('begin')
        const captured = await tokenFor(raw, mode, bench.key, 'b')
        await raw.query('commit')
        const replay = claiming(raw, 'b', captured, () => raw.query('select body from notes'))
        if (mode === 'challenge') expect(await sqlState(replay)).toBe('42501')
        else if (server.bouncer === undefined) expect((await replay).rows).toEqual([{ body: loot }])
        else await replay.catch((error: pg.DatabaseError) => expect(error.code).toBe('42501'))
      })

      it('COMMIT AND CHAIN, and COMMIT; BEGIN in one message, end the proof with the transaction', async () => {
        for (const next of ['commit and chain', 'commit; begin']) {
          await raw.query('begin')
          const token = await tokenFor(raw, mode, bench.key, 'b')
          await claim(raw, 'b', token)
          await raw.query(next)
          expect((await raw.query('select body from notes')).rows).toEqual([])
          if (mode === 'challenge') {
            await claim(raw, 'b', token)
            expect(await sqlState(raw.query('select body from notes'))).toBe('42501')
          }
          await raw.query('rollback')
        }
      })

      it.skipIf(server.bouncer)(
        'a prepared statement of Tenantry cannot be replaced by one of an attacker',
        async () => {
          await tenancy.run(a, () => rows.query('select 1'))
          const evil = `do $$ declare n text; begin
          for n in select name from pg_prepared_statements where statement like '%set_config%' loop
            execute 'deallocate ' || quote_ident(n);
            execute 'prepare ' || quote_ident(n) || ' as select set_config(''tenantry.tenant_id'', $1, true), set_config(''tenantry.seal'', $2, true), set_config(''x.loot'', (select string_agg(body, '','') from notes), false)';
          end loop; end $$`
          expect(await sqlState(tenancy.run(a, () => rows.query(evil)))).toBe('42501')
          await tenancy.run(b, () => rows.query('select body from notes'))
          const { rows: found } = await tenancy.run(a, () =>
            rows.query(`select current_setting('x.loot', true) as loot`),
          )
          expect(found).toEqual([{ loot: null }])
        },
      )
    })

    it(`challenge: ${process.env.TENANTRY_FORGERIES ?? '100000'} forged tokens, none accepted`, async () => {
      const bench = await sealedBench(server, 'challenge')
      const count = Number(process.env.TENANTRY_FORGERIES ?? '100000')
      const seed = process.env.TENANTRY_SEED ?? randomBytes(4).toString('hex')
      // The loop needs what the seal takes from the role.
      await bench.admin(`grant usage on language plpgsql to ${bench.database.runtimeRole}`)
      const client = await connect(bench.database.runtimeUrl)
      const heard: string[] = []
      client.on('notice', notice => heard.push(notice.message ?? ''))
      const start = performance.now()
      await client.query('begin')
      await claim(client, 'b', await tokenFor(client, 'challenge', bench.key, 'b'))
      await client.query(`select set_config('forge.count', $1, true), set_config('forge.seed', $2, true)`, [
        count,
        seed,
      ])
      await client.query(forge)
      await client.query('rollback')
      await client.end()
      process.stdout.write(`forgeries: seed ${seed}, ${heard.join(' ')}, ${Math.round(performance.now() - start)} ms\n`)
      expect(heard).toEqual([`${count} forged, 0 accepted, the real one 2 times of 2`])
    }, 900_000)
  },
  { through: ['direct', 'pgbouncer'] },
)

/** Alters the live token of the transaction by seed, so often, and asks the verifier of each. */
const forge = `do $$
declare
  n int := current_setting('forge.count'); seed text := current_setting('forge.seed');
  real bytea := decode(current_setting('tenantry.seal'), 'hex'); forged bytea; noise bytea;
  accepted int := 0; held int := 0; total int := 0; at int; tenant text;
begin
  if tenancy.current_tenant() = 'b' then held := held + 1; end if;
  while total < n loop
    noise := sha256(convert_to(seed || total, 'UTF8'));
    at := get_byte(noise, 0) * 256 + get_byte(noise, 1);
    tenant := 'b';
    case total % 8
      when 0 then forged := set_bit(real, at % 368, 1 - get_bit(real, at % 368));
      when 1 then forged := substr(real, 1, 14) || noise;
      when 2 then forged := substr(real, 1, at % 46);
      when 3 then forged := real || substr(noise, 1, 1 + at % 31);
      when 4 then forged := real; tenant := chr(97 + at % 26) || substr(encode(noise, 'hex'), 1, 1 + at % 60);
      when 5 then forged := substr(real, 1, 6) || substr(noise, 1, 8) || substr(real, 15);
      when 6 then forged := substr(real, 1, 2) || substr(noise, 1, 4) || substr(real, 7);
      else forged := set_byte(set_byte(real, at % 46, get_byte(noise, 2)), 14 + at % 32, (get_byte(real, 14 + at % 32) + 1 + get_byte(noise, 3) % 255) % 256);
    end case;
    if forged = real and tenant = 'b' then continue; end if;
    total := total + 1;
    perform set_config('tenantry.seal', encode(forged, 'hex'), true), set_config('tenantry.tenant_id', tenant, true);
    begin
      if tenancy.current_tenant() is not null then accepted := accepted + 1; end if;
    exception when insufficient_privilege or array_subscript_error or invalid_parameter_value then null;
    end;
  end loop;
  perform set_config('tenantry.seal', encode(real, 'hex'), true), set_config('tenantry.tenant_id', 'b', true);
  if tenancy.current_tenant() = 'b' then held := held + 1; end if;
  raise notice '% forged, % accepted, the real one % times of 2', total, accepted, held;
end $$`
