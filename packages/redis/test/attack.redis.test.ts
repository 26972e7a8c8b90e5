import { describeRedis } from '@tenantry/servers/vitest'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { redisKeyspace, type RedisKeyspace, type TenantRedis } from '../src/index.ts'
import { context, silent, tenantOf } from './support.ts'

const [acme, globex] = [tenantOf('acme'), tenantOf('globex')]
const { source, as } = context()

describeRedis('what values, lost connections and kept objects could do', redis => {
  let client: Redis
  let admin: Redis
  let keys: RedisKeyspace
  let db: TenantRedis

  beforeAll(() => {
    client = new Redis(redis.server.url)
    admin = new Redis(redis.server.url)
    keys = redisKeyspace({ client, logger: silent })
    db = keys.handle(source)
  })
  afterEach(() => admin.flushall())
  afterAll(async () => {
    await keys.close()
    client.disconnect()
    admin.disconnect()
  })

  // As it comes from JSON, or from a query string with brackets.
  const noText = JSON.parse('{"toString":1}') as string
  const invalid = expect.objectContaining({ code: 'ARGUMENT_INVALID' })

  it('C9 a value that is no text, in a batch, does not shift the answers of others', async () => {
    await as(globex, () => db.set('secret', 'of globex'))
    const heard: unknown[] = []
    expect(() =>
      as(acme, () =>
        db
          .pipeline()
          .get('a', (_, reply) => void heard.push(reply))
          .set('b', noText)
          .exec(),
      ),
    ).toThrow(invalid)
    expect(await as(globex, () => db.get('secret'))).toBe('of globex')
    expect(heard).toEqual([])
  })

  it('a value that is no text is refused, and no rejection is left unhandled', async () => {
    await as(acme, async () => {
      await expect(db.get(noText)).rejects.toEqual(invalid)
      await expect(db.set('k', noText)).rejects.toEqual(invalid)
      await expect(db.call('set', 'k', Object.create(null) as string)).rejects.toEqual(invalid)
      const own = await db.connection()
      await expect(own.set('k', noText)).rejects.toThrow(TypeError)
      expect(() => own.pipeline().get('a').set('k', noText)).toThrow(invalid)
      expect(await own.get('none')).toBeNull()
      own.disconnect()
    })
  })
})
