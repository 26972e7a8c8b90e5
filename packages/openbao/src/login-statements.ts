import { TenancyError } from '@tenantry/core'

/** Statements of a role of the engine, as Postgres gets them. */
export interface LoginStatements {
  readonly creation_statements: readonly string[]
  readonly revocation_statements: readonly string[]
}

/**
 * What makes and ends a tenant's login (OpenBAO, "PostgreSQL database plugin HTTP API": `{{name}}`, `{{password}}` and
 * `{{expiration}}` are filled in). A login is a member of the owner and starts as the owner, so that what it makes is the
 * owner's.
 *
 * @throws {TenancyError} `ARGUMENT_INVALID` for an owner that the engine would read as more than a name.
 */
export function loginStatements(owner: string): LoginStatements {
  // The engine cuts statements at ";" and fills in "{{…}}", also inside of quotes.
  if (!/^[\w$-]+$/.test(owner) || Buffer.byteLength(owner) > 63) {
    throw new TenancyError('ARGUMENT_INVALID', {
      field: 'target.owner',
      rule: 'must be 1–63 bytes of letters, digits, "_", "$" and "-"',
    })
  }
  return {
    creation_statements: [
      `CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE "${owner}"`,
      `ALTER ROLE "{{name}}" SET role = "${owner}"`,
    ],
    revocation_statements: [revocation],
  }
}

// One block, which the plugin sends as it is because of the word END, in the transaction that it makes of all statements.
//  - A login that is gone already is none of our business: a revocation is repeated until OpenBAO has heard of its success.
//  - Who may end a session: a member of its role, or of pg_signal_backend; the maker of a role may make itself a member.
//  - A login that owns something or was granted something, which a tenant can bring about, cannot be dropped; it must not
//    live on for that, so it is left behind without a password and without LOGIN.
const revocation = `DO $revocation$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '{{name}}') THEN
    ALTER ROLE "{{name}}" NOLOGIN PASSWORD NULL;
    GRANT "{{name}}" TO CURRENT_USER;
    PERFORM pg_catalog.pg_terminate_backend(pid, 2000) FROM pg_catalog.pg_stat_activity WHERE usename = '{{name}}';
    BEGIN
      DROP ROLE "{{name}}";
    EXCEPTION WHEN dependent_objects_still_exist THEN
      REVOKE "{{name}}" FROM CURRENT_USER;
    END;
  END IF;
END
$revocation$`
