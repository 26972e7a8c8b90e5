/** Options of {@link helpers}. */
export interface HelperOptions {
  /** Settings that carry the tenant. */
  readonly settings: readonly string[]
  /** With whose rights `die` ends the connection, which the role of a tenant may not if the login is another's. */
  readonly dies?: 'as its caller' | 'as its maker' | 'as the login'
}

const deaths: Readonly<Record<NonNullable<HelperOptions['dies']>, string>> = {
  'as its caller': `language sql as 'select pg_terminate_backend(pg_backend_pid())'`,
  'as its maker': `language sql security definer set search_path = pg_catalog, pg_temp as 'select pg_terminate_backend(pg_backend_pid())'`,
  'as the login': `language plpgsql as $$ begin execute 'set role none'; return pg_terminate_backend(pg_backend_pid()); end $$`,
}

/** Functions of the application, with what is hostile inside, where no reading of statements finds it. */
export function helpers({ settings, dies = 'as its caller' }: HelperOptions): readonly string[] {
  const resets = [...settings, 'all'].map(setting => `execute 'reset ${setting}';`)
  return [
    `create function put(name text, value text) returns text language sql volatile as 'select set_config($1, $2, true)'`,
    `create function forget() returns void language plpgsql as $$ begin ${resets.join(' ')} end $$`,
    `create function tell() returns void language plpgsql as $$ begin raise notice 'a notice'; end $$`,
    `create function die() returns boolean ${deaths[dies]}`,
  ]
}
