/**
 * KEYS record, body, live, work, meta of the queue. ARGV record's JSON, body, id, function, accepted ms, due ms, wake
 * channel, entries kept of BullMQ's own log. Stores what is not recorded yet. Whoever is to look at the queue learns when.
 * Returns { 1 when new, how many of the function have not ended }.
 */
const acceptScript = `
local new = redis.call('EXISTS', KEYS[1]) == 0
if new then
  redis.call('HSET', KEYS[1], 'revision', 1, 'record', ARGV[1])
  redis.call('SET', KEYS[2], ARGV[2])
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[3])
end
redis.call('HSETNX', KEYS[5], 'opts.maxLenEvents', ARGV[8])
if redis.call('ZADD', KEYS[4], 'LT', 'CH', ARGV[6], ARGV[4]) == 1 then
  redis.call('PUBLISH', ARGV[7], ARGV[4])
end
return { new and 1 or 0, redis.call('ZCARD', KEYS[3]) }`;

/**
 * KEYS record, body, answer, live, ended, dead, running, the job's lock. ARGV revision that is replaced, revision,
 * record's JSON, id, function, state, now, how long what has ended is kept (ms), how many of those
 * are kept, answer, token, key prefixes of record, body and answer, news channel, accepted ms, who must hold the lock.
 * INVARIANT: a write over another revision than the one that was read changes nothing; returns 0. Nor does one of
 * who had to hold the lock and does not; returns -1.
 */
const replaceScript = `
if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] then return 0 end
if ARGV[17] ~= '' and redis.call('GET', KEYS[8]) ~= ARGV[17] then return -1 end
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'record', ARGV[3])
redis.call('PUBLISH', ARGV[15], ARGV[6])
local id, state, now, age = ARGV[4], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
if state == 'running' then
  redis.call('HSET', KEYS[7], id, ARGV[5] .. ' ' .. ARGV[11])
else
  redis.call('HDEL', KEYS[7], id)
end
if state == 'queued' or state == 'running' then
  if redis.call('ZADD', KEYS[4], ARGV[16], id) == 1 then
    redis.call('ZREM', KEYS[5], id)
    redis.call('ZREM', KEYS[6], id)
    redis.call('PERSIST', KEYS[1])
    redis.call('PERSIST', KEYS[2])
  end
  return 1
end
redis.call('ZREM', KEYS[4], id)
local index = state == 'dead_letter' and KEYS[6] or KEYS[5]
redis.call('ZADD', index, now, id)
redis.call('PEXPIRE', index, age)
if ARGV[10] ~= '' then redis.call('SET', KEYS[3], ARGV[10]) end
for key = 1, 3 do redis.call('PEXPIRE', KEYS[key], age) end
local excess = redis.call('ZCARD', index) - tonumber(ARGV[9])
local old = redis.call('ZRANGEBYSCORE', index, '-inf', now - age, 'LIMIT', 0, 100)
if excess > 0 then old = redis.call('ZRANGE', index, 0, math.min(excess, 100) - 1) end
for _, gone in ipairs(old) do
  redis.call('DEL', ARGV[12] .. gone, ARGV[13] .. gone, ARGV[14] .. gone)
  redis.call('ZREM', index, gone)
end
return 1`;

/**
 * KEYS work, then of the queue: wait, prioritized, delayed, active, meta, marker, events, id, pc. ARGV function, now, when to look again if only running ones are left.
 * Called when nothing could be taken: says when to look again, or forgets a queue that is empty,
 * with all that BullMQ keeps for it. Returns that time, or -1.
 */
const settleScript = `
local isPaused = redis.call('HEXISTS', KEYS[6], 'paused') == 1
local waiting = redis.call('LLEN', KEYS[2]) + redis.call('ZCARD', KEYS[3])
if waiting > 0 and not isPaused then return tonumber(ARGV[2]) end
local look
if redis.call('LLEN', KEYS[5]) > 0 then look = tonumber(ARGV[3]) end
local first = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
if first[2] and not isPaused then
  local due = math.floor(tonumber(first[2]) / 4096)
  if not look or due < look then look = due end
end
if look then
  redis.call('ZADD', KEYS[1], look, ARGV[1])
  return look
end
redis.call('ZREM', KEYS[1], ARGV[1])
if waiting == 0 and not first[1] and not isPaused then
  redis.call('DEL', KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10])
end
return -1`;

/**
 * KEYS active of the queue. ARGV its key prefix, node. The jobs that the node has taken and whose locks it holds:
 * returns { id, token, id, token … }.
 */
const takenByScript = `
local taken = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local token = redis.call('GET', ARGV[1] .. id .. ':lock')
  if token and redis.call('HGET', ARGV[1] .. id, 'pb') == ARGV[2] then
    table.insert(taken, id)
    table.insert(taken, token)
  end
end
return taken`;

/** KEYS work. ARGV function, due ms, wake channel. Looks at the queue no later than then. */
const lookScript = `
if redis.call('ZADD', KEYS[1], 'LT', 'CH', ARGV[2], ARGV[1]) == 1 then
  redis.call('PUBLISH', ARGV[3], ARGV[1])
end
return 1`;

/**
 * KEYS key. ARGV digest of the request, id, how long it is held (ms). Whoever comes first has it.
 * Returns { what it stands for, id of the first }.
 */
const claimKeyScript = `
local known = redis.call('HMGET', KEYS[1], 'digest', 'id', 'state')
if not known[1] or (known[2] == ARGV[2] and known[3] == 'held') then
  redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'id', ARGV[2], 'state', 'held')
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return { 'mine', ARGV[2] }
end
if known[1] ~= ARGV[1] then return { 'other_request', known[2] } end
return { known[3], known[2] }`;

/** KEYS key. ARGV id, state, how it ended (JSON), body, how long it is kept (ms). Of the holder only. */
const keepKeyScript = `
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[2], 'told', ARGV[3], 'body', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1`;

/** KEYS key. ARGV id. Of the holder only, and only while nothing is kept. */
const releaseKeyScript = `
local known = redis.call('HMGET', KEYS[1], 'id', 'state')
if known[1] ~= ARGV[1] or known[2] ~= 'held' then return 0 end
return redis.call('DEL', KEYS[1])`;

/** As ioredis defines commands; the names are those of `EventQueueConnection.run`. */
export const eventQueueScripts = {
  acceptInvocation: { numberOfKeys: 5, lua: acceptScript },
  replaceInvocation: { numberOfKeys: 8, lua: replaceScript },
  settleQueue: { numberOfKeys: 10, lua: settleScript },
  jobsTakenBy: { numberOfKeys: 1, lua: takenByScript },
  lookAtQueue: { numberOfKeys: 1, lua: lookScript },
  claimKey: { numberOfKeys: 1, lua: claimKeyScript },
  keepKey: { numberOfKeys: 1, lua: keepKeyScript },
  releaseKey: { numberOfKeys: 1, lua: releaseKeyScript },
} as const;

export type EventQueueScript = keyof typeof eventQueueScripts;
