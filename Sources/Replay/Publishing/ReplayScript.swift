import Backplane

/// The scripts that the target runs for each envelope in one atomic step, so that ids stay dense and ascending.
///
/// `KEYS[1]` is the event key. A tracked script also has `KEYS[2]`, the number of published envelopes of this replay,
/// and accepts envelopes only in that order: nothing is published after a refused one, and a new connection knows where
/// to resume.
enum ReplayScript {
    /// How long the target keeps the record, in seconds.
    static let memory = 7 * 86_400

    /// `ARGV`: blob, and the ordinal if tracked. Replies `{id, receivers}`.
    static func reissue(isTracked: Bool) -> String {
        guard isTracked else { return BackplaneScript.republish }
        return inOrder(ordinal: 2)
            + """
            local newId = redis.call('INCR', KEYS[1])
            local receivers = redis.call('PUBLISH', KEYS[1], newId .. ' ' .. ARGV[1])
            \(remember(ordinal: 2))
            return {newId, receivers}
            """
    }

    /// Publishes with a given id, and sets the counter to it. `ARGV`: payload, id, and the ordinal if tracked.
    ///
    /// - Parameter isForced: even if the counter is not below the id.
    static func numbered(isTracked: Bool, isForced: Bool) -> String {
        let check = """
            local current = tonumber(redis.call('GET', KEYS[1]) or '0')
            if current >= tonumber(ARGV[2]) then
                return redis.error_reply('COUNTER ' .. KEYS[1] .. ' is at ' .. current .. ', not below ' .. ARGV[2])
            end

            """
        return (isTracked ? inOrder(ordinal: 3) : "") + (isForced ? "" : check)
            + """
            redis.call('SET', KEYS[1], ARGV[2])
            local receivers = redis.call('PUBLISH', KEYS[1], ARGV[1])
            \(isTracked ? remember(ordinal: 3) : "")
            return {tonumber(ARGV[2]), receivers}
            """
    }

    /// Publishes an unchanged envelope of ASP.NET Core, which has no counter. `KEYS[1]` is the number of published
    /// envelopes of this replay. `ARGV`: Redis channel, payload and ordinal. Replies the number of receivers.
    static let publish =
        inOrder(ordinal: 3, key: 1)
            + """
            local receivers = redis.call('PUBLISH', ARGV[1], ARGV[2])
            \(remember(ordinal: 3, key: 1))
            return receivers
            """

    /// The remedy for an error raised by the scripts; nil for other errors.
    static func remedy(for reply: String) -> String? {
        switch reply.prefix(while: { $0 != " " }) {
        case "COUNTER":
            "something else publishes there, or did: stop it, or let the counter assign the ids"
        case "ORDER": "the same checkpoint is in use by another replay: wait until it ends"
        default: nil
        }
    }

    private static func inOrder(ordinal: Int, key: Int = 2) -> String {
        """
        local at = redis.call('GET', KEYS[\(key)])
        if at and tonumber(at) ~= tonumber(ARGV[\(ordinal)]) - 1 then
            return redis.error_reply('ORDER ' .. at .. ' published, so ' .. ARGV[\(ordinal)] .. ' is not the next')
        end

        """
    }

    private static func remember(ordinal: Int, key: Int = 2) -> String {
        "redis.call('SET', KEYS[\(key)], ARGV[\(ordinal)], 'EX', \(memory))"
    }
}
