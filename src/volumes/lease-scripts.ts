/**
 * The leases of one volume are a hash, holder → JSON of {node, mode, epoch, until}. Redis's own
 * clock counts, so that the nodes' clocks need not agree. In all scripts KEYS are: leases, the
 * counter of epochs, wanted.
 *
 * INVARIANT: two that exclude one another never hold a volume at the same time.
 * INVARIANT: an epoch is given once; whoever comes with another than the recorded one is late.
 */
const prelude = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/**
 * ARGV holder, node, mode, ttl, `ask` or `force`, how long the wish stays. Returns the epoch, or 0
 * and then those in the way, who are asked to give way, are in the rest.
 */
export const acquireScript = `${prelude}
local excludes = {
  read = { alone = true },
  shared = { alone = true, single = true },
  single = { alone = true, single = true, shared = true },
  alone = { alone = true, single = true, shared = true, read = true },
}
local inTheWay = {}
local held = redis.call('HGETALL', KEYS[1])
for i = 1, #held, 2 do
  local lease = cjson.decode(held[i + 1])
  if lease['until'] <= now then
    redis.call('HDEL', KEYS[1], held[i])
  elseif excludes[ARGV[3]][lease.mode] and held[i] ~= ARGV[1] then
    inTheWay[#inTheWay + 1] = held[i]
  end
end
if #inTheWay > 0 then
  redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[6])
  return { 0, unpack(inTheWay) }
end
local epoch = redis.call('INCR', KEYS[2])
local lease = { node = ARGV[2], mode = ARGV[3], epoch = epoch, ['until'] = now + ARGV[4] }
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(lease))
return { epoch }`;

/**
 * ARGV holder, epoch, ttl; \`0\` for ttl only looks. Returns \`lost\`, or what others wish: \`force\`,
 * \`ask\` or nothing.
 */
export const renewScript = `${prelude}
local json = redis.call('HGET', KEYS[1], ARGV[1])
local lease = json and cjson.decode(json)
if not lease or lease.epoch ~= tonumber(ARGV[2]) or lease['until'] <= now then return 'lost' end
if ARGV[3] ~= '0' then
  lease['until'] = now + ARGV[3]
  redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(lease))
end
return redis.call('GET', KEYS[3]) or ''`;

/** ARGV holder, epoch. A late one releases nothing. */
export const releaseScript = `
local json = redis.call('HGET', KEYS[1], ARGV[1])
if json and cjson.decode(json).epoch == tonumber(ARGV[2]) then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
if redis.call('HLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[3]) end
return 1`;

/** ARGV node: all of this node's go, which has just started and holds nothing. */
export const releaseNodeScript = `
local held = redis.call('HGETALL', KEYS[1])
for i = 1, #held, 2 do
  if cjson.decode(held[i + 1]).node == ARGV[1] then redis.call('HDEL', KEYS[1], held[i]) end
end
return 1`;

/** Gives holder, JSON, holder, JSON …, without those that have ended. */
export const holdersScript = `${prelude}
local held = redis.call('HGETALL', KEYS[1])
local living = {}
for i = 1, #held, 2 do
  if cjson.decode(held[i + 1])['until'] > now then
    living[#living + 1] = held[i]
    living[#living + 1] = held[i + 1]
  end
end
return living`;
