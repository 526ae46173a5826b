/// The Lua script that a node publishes with: `KEYS[1]` is the event key, `ARGV[1]` the blob.
///
/// Counting and publishing happen in one atomic step. Only for this reason are ids dense, and does a gap mean a loss.
/// Lua writes numbers with 14 digits, so ids from 10^14 on are published as `1e+14`, on which nodes throw. The scripts
/// here behave the same.
///
/// Source: `RedisMessageBus.cs` (publish) and `RedisConnection.cs` (restore) of
/// Microsoft.AspNet.SignalR.StackExchangeRedis.
package enum BackplaneScript {
    /// The script of a real node. Replies `{id, blob, payload}`.
    package static let publish = """
        local newId = redis.call('INCR', KEYS[1])
        local payload = newId .. ' ' .. ARGV[1]
        redis.call('PUBLISH', KEYS[1], payload)
        return {newId, ARGV[1], payload}
        """

    /// The same effect, for replay: replies `{id, receivers}` instead of sending the blob back twice.
    package static let republish = """
        local newId = redis.call('INCR', KEYS[1])
        local receivers = redis.call('PUBLISH', KEYS[1], newId .. ' ' .. ARGV[1])
        return {newId, receivers}
        """

    /// The script of a node after a reconnect: sets the counter to the last id it saw, `ARGV[1]`, if the counter is
    /// missing or lower, so that a Redis without its data does not reuse ids that clients have passed. Replies nil if
    /// unchanged.
    package static let restore = """
        local current = tonumber(redis.call('GET', KEYS[1]))
        if current and current >= tonumber(ARGV[1]) then
            return nil
        end
        return redis.call('SET', KEYS[1], ARGV[1])
        """
}
