import { z } from 'zod'
import { type Secret, secret } from '../secret.ts'
import { type HostAndPort, hostAndPortOf } from './host-and-port.ts'
import { mongoPlaceOf } from './mongo-uri.ts'
import { oidcParameters, oidcRules } from './oidc-parameters.ts'
import { uniqueRule } from './parameter-rule.ts'
import { webUrl } from './web-url.ts'

const rules = {
  mongoUri:
    'must be a connection string: mongodb://[user:password@]host[:port][,…][/database][?options], percent-encoded',
  mongoDatabase: 'must be 1–63 characters of A–Z, a–z, 0–9, "_" and "-", and not admin, local or config',
  redisAddr: 'must be host:port, with an IPv6 address in brackets',
  redisDb: 'must be a whole number from 0 to 15',
}

/**
 * The parameters of a tenant with a MongoDB database, a Redis database and, perhaps, a frontend and a login by OIDC (I13–I22), for
 * {@link envRegistry}. Secrets become {@link Secret}s, `redis_addr` a host and a port. No two tenants may have one MongoDB database
 * or one Redis database on one server (I18); names of servers are compared as they are written, and nobody is asked for addresses.
 *
 * @example
 * const registry = envRegistry({ ...tenantParameters })
 * const { mongo_uri, mongo_database, redis_addr, redis_db } = registry.config('acme_corp')
 */
export const tenantParameters = {
  parameters: {
    mongo_uri: z
      .string(rules.mongoUri)
      .refine(uri => mongoPlaceOf(uri) !== undefined, rules.mongoUri)
      .transform(secret),
    // MongoDB takes more, but not everywhere: Windows forbids some, and what is folded together differs.
    mongo_database: z
      .string(rules.mongoDatabase)
      .regex(/^(?!(?:admin|local|config)$)[A-Za-z0-9_-]{1,63}$/i, rules.mongoDatabase),
    redis_addr: z.string(rules.redisAddr).transform((address, context): Readonly<HostAndPort> => {
      const found = hostAndPortOf(address)
      if (found !== undefined) return Object.freeze(found)
      context.addIssue(rules.redisAddr)
      return z.NEVER
    }),
    redis_db: z.int(rules.redisDb).min(0, rules.redisDb).max(15, rules.redisDb).default(0),
    frontend_url: webUrl('any').optional(),
    ...oidcParameters,
  },
  rules: [
    uniqueRule<{ mongo_uri?: Secret; mongo_database?: string }>(
      'mongo_database',
      ({ mongo_uri, mongo_database }) => {
        const hosts = mongo_uri === undefined ? [] : (mongoPlaceOf(mongo_uri.reveal())?.hosts ?? [])
        // MongoDB refuses two names that differ by case only. Members of one replica set share their databases.
        return mongo_database === undefined ? [] : hosts.map(host => `${host}/${mongo_database.toLowerCase()}`)
      },
      'is, on the same server, the database',
    ),
    uniqueRule<{ redis_addr?: HostAndPort; redis_db?: number }>(
      'redis_db',
      ({ redis_addr, redis_db }) =>
        redis_addr === undefined || redis_db === undefined ? [] : [`${redis_addr.canonical}/${redis_db}`],
      'is, on the same server, the database',
    ),
    ...oidcRules,
  ],
}
