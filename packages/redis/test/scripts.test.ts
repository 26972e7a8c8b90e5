import { describe, expect, it } from 'vitest'
import { problemOfScript } from '../src/index.ts'

const honest: readonly string[] = [
  "return redis.call('get', KEYS[1])",
  "return redis.call('GET', KEYS[1] .. ':count')",
  "local key = KEYS[1] redis.call('set', key, ARGV[1], 'EX', ARGV[2]) return redis.call('ttl', key)",
  "for i = 1, #KEYS do redis.call('del', KEYS[i]) end",
  "for i, key in ipairs(KEYS) do redis.call('expire', key, ARGV[i]) end",
  "return redis.call('mget', unpack(KEYS))",
  "return redis.call('del', KEYS[1], unpack(KEYS, 2))",
  "return redis.pcall('hset', KEYS[1], 'f', ARGV[1])",
  "if redis.call('exists', KEYS[1]) == 1 then return redis.error_reply('there') end return redis.status_reply('OK')",
  "local lock = KEYS[1] .. ':lock' if redis.call('set', lock, ARGV[1], 'NX') then return 1 else return 0 end",
  "return redis.call('mset', KEYS[1], ARGV[1], KEYS[2], ARGV[2])",
  "return redis.call('zunionstore', KEYS[1], 2, KEYS[2], KEYS[3])",
  "local now = redis.call('time') redis.call('zremrangebyscore', KEYS[1], 0, now[1] - ARGV[1]) return redis.call('zcard', KEYS[1])",
  "return redis.call('object', 'encoding', KEYS[1])",
  "redis.call('publish', KEYS[1], ARGV[1])",
  'return cjson.encode({ keys = #KEYS, redis = 1 })',
  'local t = { unpack(KEYS) } return #t',
  "local function f(x) return redis.call('incr', KEYS[x]) end return f(1)",
  "redis.log(redis.LOG_WARNING, 'x') return redis.sha1hex('x')",
  "#!lua flags=no-writes\nreturn redis.call('get', KEYS[1])",
  "return redis.call('get', KEYS[1]) -- as it must: redis.call('get', 'other')",
  "return redis.call('set', KEYS[1], 'Grüße')",
]

const escaping: readonly string[] = [
  "return redis.call('get', 'other')",
  "return redis.call('get', ARGV[1])",
  "return redis.call('get', 't:globex:' .. KEYS[1])",
  "return redis.call('get', ARGV[1] .. KEYS[1])",
  "return redis.call('get', string.sub(KEYS[1], 3))",
  "return redis.call('get', KEYS[1]:gsub('acme', 'globex'))",
  'return redis.call(ARGV[1], KEYS[1])',
  "return redis.call('flushall')",
  "return redis.call('keys', KEYS[1])",
  "return redis.call('scan', 0)",
  "return redis.call('randomkey')",
  "return redis.call('select', 1)",
  "return redis.call('mget', KEYS[1], ARGV[1])",
  "return redis.call('mget', KEYS[1], unpack(ARGV))",
  "return redis.call('mset', KEYS[1], 'x', 'other', 'y')",
  "return redis.call('mset', KEYS[1], unpack(ARGV))",
  "return redis.call('rename', KEYS[1], 'other')",
  "return redis.call('zunionstore', KEYS[1], ARGV[1], KEYS[2])",
  "return redis.call('zunionstore', KEYS[1], 2, KEYS[2], 'other')",
  "return redis.call('xread', 'STREAMS', KEYS[1], 0)",
  "return redis.call('sort', KEYS[1], 'BY', 'other_*')",
  "return redis.call('eval', 'return 1', 0)",
  "return redis['call']('get', 'other')",
  "local r = redis return r.call('get', 'other')",
  "local call = redis.call return call('get', 'other')",
  "return pcall(redis.call, 'get', 'other')",
  "return redis.call 'dbsize'",
  "return redis:call('get', KEYS[1])",
  'redis.call = function() end',
  'local redis = { call = redis.call }',
  "KEYS[1] = 'other' return redis.call('get', KEYS[1])",
  "local x x, KEYS[1] = 1, 'other' return redis.call('get', KEYS[1])",
  "KEYS = { 'other' } return redis.call('get', KEYS[1])",
  "local KEYS = { 'other' } return redis.call('get', KEYS[1])",
  "local function f(KEYS) return redis.call('get', KEYS[1]) end return f({ 'other' })",
  'for KEYS = 1, 2 do end',
  "table.insert(KEYS, 1, 'other') return redis.call('get', KEYS[1])",
  "local t = KEYS t[1] = 'other' return redis.call('get', KEYS[1])",
  "local t = { KEYS } t[1][1] = 'other' return redis.call('get', KEYS[1])",
  "local function unpack(t) t[1] = 'other' end unpack(KEYS) return redis.call('get', KEYS[1])",
  "local key = KEYS[1] key = 'other' return redis.call('get', key)",
  "local key = KEYS[1] local function f(key) return redis.call('get', key) end return f('other')",
  "local key = KEYS[1] for i, key in ipairs(ARGV) do redis.call('del', key) end",
  "for i, key in ipairs(ARGV) do redis.call('del', key) end",
  "local key = ARGV[1] return redis.call('get', key)",
  "local a, b = KEYS[1] return redis.call('get', b)",
  "return redis.call('get', KEYS[1] or 'other')",
  "return redis.call('get', (KEYS))",
  "return _G['redis'].call('get', 'other')",
  'return loadstring(ARGV[1])()',
  'return load(ARGV[1])()',
  "setmetatable(KEYS, {}) return redis.call('get', KEYS[1])",
  "getmetatable('').__concat = function() return 'other' end return redis.call('get', KEYS[1] .. 'x')",
  "setfenv(1, { KEYS = { 'other' } })",
  "server.call('get', 'other')",
  'redis.set_repl(0)',
  "return redis.call('object', ARGV[1], KEYS[1])",
  "return redis.call('get', KEYS[1]) +",
  'goto out',
]

describe('Lua scripts', () => {
  it.each(honest)('C3 keeps to its keys: %s', lua => {
    expect(problemOfScript(lua)).toBeUndefined()
  })

  it.each(escaping)('C3 does not, or cannot be seen to: %s', lua => {
    expect(problemOfScript(lua)).toEqual(expect.any(String))
  })

  it('C3 says where', () => {
    expect(problemOfScript("local x = 1\nreturn redis.call('get', 'other')")).toBe(
      'line 2: a key of get is not one of KEYS',
    )
  })
})
