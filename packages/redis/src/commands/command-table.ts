import type { KeySpec } from './key-spec.ts'

// Redis 7.0's own table (`COMMAND INFO`), grouped by where keys stand; a test compares each with the server's. What is not here or in
// `special-commands.ts` is refused: commands of administrators, of the whole server, of other databases, of modules.

/** Commands with keys, by where those stand. The names of a container's commands have a space: `object encoding`. */
export const commandTable = {
  '1': `append bitcount bitfield bitfield_ro bitpos decr decrby dump expire expireat expiretime geoadd geodist geohash geopos \
georadius_ro georadiusbymember_ro geosearch get getbit getdel getex getrange getset hdel hexists hget hgetall hincrby hincrbyfloat \
hkeys hlen hmget hmset hrandfield hscan hset hsetnx hstrlen hvals incr incrby incrbyfloat lindex linsert llen lpop lpos lpush \
lpushx lrange lrem lset ltrim persist pexpire pexpireat pexpiretime pfadd psetex pttl rpop rpush rpushx sadd scard set setbit \
setex setnx setrange sismember smembers smismember spop srandmember srem sscan strlen substr ttl type xack xadd xautoclaim xclaim \
xdel xlen xpending xrange xrevrange xsetid xtrim zadd zcard zcount zincrby zlexcount zmscore zpopmax zpopmin zrandmember zrange \
zrangebylex zrangebyscore zrank zrem zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore \
zrevrank zscan zscore`,
  '1 2': 'blmove brpoplpush geosearchstore lmove rename renamenx rpoplpush smove zrangestore',
  '1 2#': 'zdiffstore zinterstore zunionstore',
  '1 2..-1': 'pfmerge sdiffstore sinterstore sunionstore',
  '1#': 'lmpop sintercard zdiff zinter zintercard zmpop zunion',
  '1..-1': 'del exists mget pfcount sdiff sinter sunion touch unlink',
  '1..-1/2': 'mset msetnx',
  '1..-2': 'blpop brpop bzpopmax bzpopmin',
  '1..1': 'lcs',
  '2': `memory usage|object encoding|object freq|object idletime|object refcount|xgroup create|xgroup createconsumer|\
xgroup delconsumer|xgroup destroy|xgroup setid|xinfo consumers|xinfo groups|xinfo stream`,
  '2 3..-1': 'bitop',
  '2#': 'blmpop bzmpop',
} as const satisfies Readonly<Record<KeySpec, string>>

/** The table row by row: each command with where its keys stand. */
export const tableRows: readonly (readonly [name: string, spec: KeySpec])[] = Object.entries(commandTable).flatMap(
  ([spec, names]) => names.split(names.includes('|') ? '|' : ' ').map(name => [name, spec] as const),
)

/** Commands that can make a connection wait, and so everybody who shares it. */
export const blockingCommands: ReadonlySet<string> = new Set(
  'blmove brpoplpush blpop brpop bzpopmax bzpopmin blmpop bzmpop xread xreadgroup'.split(' '),
)

/** Commands whose second word says what they do. */
export const containers: ReadonlySet<string> = new Set(
  'client cluster memory object pubsub script xgroup xinfo'.split(' '),
)
