/** Options of {@link helpers}. */
export interface HelperOptions {
  /** Settings that carry the tenant. */
  readonly settings: readonly string[]
  /** Whether `die` has the rights of who makes it: a tenant's own role may not end the connection of a login. Default `false`. */
  readonly definer?: boolean
}

/** Functions of the application, with what is hostile inside, where no reading of statements finds it. */
export function helpers({ settings, definer = false }: HelperOptions): readonly string[] {
  const resets = [...settings, 'all'].map(setting => `execute 'reset ${setting}';`)
  const rights = definer ? 'security definer set search_path = pg_catalog, pg_temp' : ''
  return [
    `create function put(name text, value text) returns text language sql volatile as 'select set_config($1, $2, true)'`,
    `create function forget() returns void language plpgsql as $$ begin ${resets.join(' ')} end $$`,
    `create function tell() returns void language plpgsql as $$ begin raise notice 'a notice'; end $$`,
    `create function die() returns boolean language sql ${rights} as 'select pg_terminate_backend(pg_backend_pid())'`,
  ]
}
