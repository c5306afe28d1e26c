/**
 * All keys are in one slot: leader, epoch, states, history of one schedule. Redis's own clock ends
 * leases. The epoch counts leaders: a write of an earlier one is refused.
 */

/**
 * KEYS leader, epoch. ARGV who, ttl. Returns the epoch of who leads now, if that is the caller; else 0.
 */
export const leadScript = `
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if leader then return tonumber(redis.call('GET', KEYS[2])) end
return redis.call('INCR', KEYS[2])`;

/** KEYS leader. ARGV who. */
export const leaveScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`;

/**
 * KEYS epoch, states, history. ARGV epoch, schedule, state, how many are kept, then the newest of
 * its history, the oldest first. Returns 0 for a leader of before.
 */
export const saveScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
for i = 5, #ARGV do redis.call('LPUSH', KEYS[3], ARGV[i]) end
if #ARGV > 4 then redis.call('LTRIM', KEYS[3], 0, ARGV[4] - 1) end
return 1`;

/** KEYS epoch, states, history, paused. ARGV epoch, schedule: it is not there any more. */
export const forgetScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[3])
redis.call('HDEL', KEYS[4], ARGV[2])
return 1`;
