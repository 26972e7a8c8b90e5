import type { FastifyPluginAsync, FastifyPluginOptions } from 'fastify'

/** As the package `fastify-plugin` does: no scope of its own, in which there would be no route. */
export function asPlugin<O extends FastifyPluginOptions>(plugin: FastifyPluginAsync<O>): FastifyPluginAsync<O> {
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('plugin-meta')]: { name: '@tenantry/fastify', fastify: '5.x' },
  })
}
