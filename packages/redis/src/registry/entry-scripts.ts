// An entry is `<version> <id> <text>`; the stamp of a tenant is the highest version that was seen, and outlives each entry and ticket
// from before it. An entry whose stamp is gone, or higher, is none. A ticket is the server's time in microseconds.

/** KEYS: the entry. ARGV: what stamps begin with. Returns a ticket, and the text or nothing. */
export const getEntry = `
local time = redis.call('TIME')
local ticket = time[1] .. string.format('%06d', time[2])
local entry = redis.call('GET', KEYS[1])
if not entry then return { ticket, false } end
local version, id, text = string.match(entry, '^(%d+) ([%w_-]+) (.*)$')
if not version then return { ticket, entry } end
local stamp = redis.call('GET', ARGV[1] .. id)
if not stamp or tonumber(stamp) ~= tonumber(version) then return { ticket, false } end
return { ticket, text }
`

/** KEYS: the stamp, then entries. ARGV: the version, the time to live in milliseconds, a ticket, the id, then a text for each entry. */
export const putEntries = `
local version, ttl = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local age = (tonumber(time[1]) * 1000000 + tonumber(time[2]) - tonumber(ARGV[3])) / 1000
local left = math.floor(ttl - age)
if age < 0 or left < 1 then return 0 end
local stamp = redis.call('GET', KEYS[1])
if stamp and tonumber(stamp) > version then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ttl * 2)
for at = 2, #KEYS do
  redis.call('SET', KEYS[at], ARGV[1] .. ' ' .. ARGV[4] .. ' ' .. ARGV[at + 3], 'PX', left)
end
return 1
`

/** KEYS: the stamp, then entries. ARGV: the version, the time to live in milliseconds. */
export const purgeEntries = `
local stamp = redis.call('GET', KEYS[1])
local version = ARGV[1]
if stamp and tonumber(stamp) > tonumber(version) then version = stamp end
redis.call('SET', KEYS[1], version, 'PX', ARGV[2] * 2)
for at = 2, #KEYS do redis.call('DEL', KEYS[at]) end
return 1
`
