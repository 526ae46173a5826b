import Redis

/// The target's ACL refused what the publishing script does.
///
/// Where the rights cannot be asked before (Redis 6 without transactions) that shows at the first envelope, and by then the
/// script may have raised the counter: to go on would raise it for each envelope, and the nodes there would look for what
/// never comes.
struct ScriptRefusal: Error, Equatable, CustomStringConvertible {
    let endpoint: String
    let user: String
    let reply: String

    /// - Returns: nil if the reply is about something else.
    init?(_ reply: String, at endpoint: String, user: String) {
        // Redis 6: "The user executing the script can't run this command or subcommand"; since 7 "ACL failure in script".
        guard reply.contains("The user executing the script can't") || reply.contains("ACL failure in script")
        else { return nil }
        (self.endpoint, self.user, self.reply) = (endpoint, user, reply)
    }

    var description: String {
        "Redis at \(endpoint) does not let '\(user)' publish: \(reply); an administrator gives the rights with: ACL SETUSER \(user) +incr +publish, and ~KEY &KEY for each event key there; then restart the relay"
    }

    /// Whether the server can say beforehand that the rights are there now.
    static func canBeAsked(_ client: RedisClient) async throws -> Bool {
        do {
            try await client.send(["MULTI"])
            try await client.send(["DISCARD"])
            return true
        } catch let error as RedisError where error.isRefusalOfCommand {
            let answer = try await client.ask(["EVAL", "return redis.acl_check_cmd and 'yes' or 'no'", "0"])
            return answer.text == "yes"
        }
    }
}
