import { delimiter, isAbsolute, join } from 'node:path'
import { dockerEngine } from '../docker-engine.ts'
import { isExecutable } from '../is-executable.ts'

/** Where a Redis comes from: a program file, or a container. */
export type RedisSource = { readonly path: string } | { readonly container: true }

/** Why there is no Redis here. */
export interface RedisMissing {
  readonly missing: string
}

/** The program that `TENANTRY_REDIS` names, else `redis-server` on `PATH`, else a container where a Docker engine answers. */
export const findRedis = async (env: NodeJS.ProcessEnv = process.env): Promise<RedisSource | RedisMissing> => {
  const { TENANTRY_REDIS: named, PATH = '' } = env
  const paths = named
    ? [named]
    : PATH.split(delimiter)
        .filter(isAbsolute)
        .map(folder => join(folder, 'redis-server'))
  const path = paths.find(isExecutable)
  if (path) return { path }
  if (named) return { missing: `No Redis at ${named}.` }
  if (await dockerEngine(env)) return { container: true }
  return { missing: 'No redis-server on PATH and no Docker engine: install redis-server.' }
}
