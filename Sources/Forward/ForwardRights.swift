import Backplane
import Redis

/// Checks that the target's ACL user has all rights needed for forwarding, without changing anything there.
struct ForwardRights {
    /// Replies with the right that the forwarding script lacks, or `unknown` before Redis 7, which has no such check.
    /// `ARGV[1]` is a channel that nothing uses.
    private static let question = """
        if not redis.acl_check_cmd then return 'unknown' end
        if not redis.acl_check_cmd('INCR', KEYS[1]) then return 'INCR' end
        if redis.acl_check_cmd('PUBLISH', KEYS[1], '') then return 'permitted' end
        if redis.acl_check_cmd('PUBLISH', ARGV[1], '') then return 'channel' end
        if redis.acl_check_cmd('SUBSCRIBE', ARGV[1]) then return 'PUBLISH' end
        return 'PUBLISH or channel'
        """
    /// Replies whether PUBLISH is permitted on each of the channels `ARGV`, or `unknown` before Redis 7.
    private static let questionOfHub = """
        if not redis.acl_check_cmd then return 'unknown' end
        for _, channel in ipairs(ARGV) do
            if not redis.acl_check_cmd('PUBLISH', channel, '') then return 'PUBLISH or channel' end
        end
        return 'permitted'
        """
    /// No script has this hash: the commands queued by it are discarded.
    private static let noScript = String(repeating: "0", count: 40)

    let client: RedisClient
    /// The ACL user of the forwarder.
    let user: String
    /// The event keys and hubs that it publishes for.
    let targets: [BackplaneChannel]

    /// - Throws: `RedisError.notPermitted` with the command that grants the missing rights, or another error that
    ///   prevents publishing. A right that cannot be checked is assumed.
    func require() async throws {
        var missing = Missing()
        try await requireEventKeys(targets.filter { $0.dialect == .signalR2 }.map(\.name), &missing)
        for hub in targets.compactMap(\.hub) { try await requireHub(hub, &missing) }
        guard let first = missing.first else { return }
        throw RedisError.notPermitted(
            endpoint: client.endpoint, command: first.command, reply: first.reply,
            rule: "ACL SETUSER \(user) \(missing.rules.joined(separator: " "))")
    }

    private func requireEventKeys(_ keys: [String], _ missing: inout Missing) async throws {
        guard !keys.isEmpty else { return }
        var script: RedisScript?
        do {
            script = try await client.load(script: Self.question)
        } catch RedisError.notPermitted(_, _, let reply, _) {
            missing.add("SCRIPT", reply, ["+script|load"])
        }
        for key in keys {
            // In a transaction all rights can be checked at once.
            if try await tryInTransaction(on: key, &missing) { continue }
            if let script { try await ask(script, about: key, &missing) }
        }
    }

    /// A hub needs PUBLISH only, on its channels for all clients, for groups and for users.
    private func requireHub(_ hub: CoreHub, _ missing: inout Missing) async throws {
        let kinds: [CoreKind] = [.all, .group, .user]
        let channels = kinds.map { RESPArgument.bytes(hub.channel($0, Array(Self.noScript.utf8))) }
        let rule = "&\(String(decoding: RedisGlob.escaped(hub.root), as: UTF8.self)):*"
        do {
            try await client.send(["MULTI"])
        } catch let error as RedisError where error.isRefusalOfCommand {
            guard let script = try? await client.load(script: Self.questionOfHub),
                let answer = try? await client.send(["EVALSHA", .text(script.sha1), "0"] + channels).text,
                answer == "PUBLISH or channel"
            else { return }
            return missing.add("PUBLISH", "'\(user)' may not run it on '\(hub.topic):all'", ["+publish", rule])
        }
        var refusal: RedisError?
        for channel in channels {
            do {
                try await client.send(["PUBLISH", channel, ""])
            } catch let error as RedisError {
                refusal = refusal ?? error
            }
        }
        try await client.send(["DISCARD"])
        guard let refusal else { return }
        guard case .notPermitted(_, let command, let reply, _) = refusal else { throw refusal }
        missing.add(command, reply, [reply.contains("channel") ? rule : "+publish"])
    }

    private struct Missing {
        var first: (command: String, reply: String)?
        var rules: [String] = []

        mutating func add(_ command: String, _ reply: String, _ rules: [String]) {
            first = first ?? (command, reply)
            self.rules += rules.filter { !self.rules.contains($0) }
        }

        /// Collects a missing right; rethrows any other error.
        mutating func add(_ error: RedisError, user: String) throws {
            guard case .notPermitted(_, let command, let reply, let rule) = error else { throw error }
            let words = rule.map { $0.dropFirst("ACL SETUSER \(user) ".count) } ?? "+\(command.lowercased())"
            add(command, reply, words.split(separator: " ").map(String.init))
        }
    }

    /// Queues commands and discards them: the ACL is checked when a command is queued.
    ///
    /// - Returns: false if transactions are not permitted; nodes do not need them.
    private func tryInTransaction(on target: String, _ missing: inout Missing) async throws -> Bool {
        do {
            try await client.send(["MULTI"])
        } catch let error as RedisError where error.isRefusalOfCommand {
            return false
        }
        var refusals: [RedisError] = []
        for command: [RESPArgument] in [
            ["EVALSHA", .text(Self.noScript), "1", .text(target)], ["INCR", .text(target)],
            ["PUBLISH", .text(target), ""],
        ] {
            do {
                try await client.send(command)
            } catch let error as RedisError {
                refusals.append(error)
            }
        }
        try await client.send(["DISCARD"])
        for refusal in refusals { try missing.add(refusal, user: user) }
        return true
    }

    private func ask(_ script: RedisScript, about target: String, _ missing: inout Missing) async throws {
        let answer: String?
        do {
            let nobody = "\(target):\(Self.noScript)"
            answer =
                try await client.send(["EVALSHA", .text(script.sha1), "1", .text(target), .text(nobody)]).text
        } catch let error as RedisError {
            // A server with other scripts cannot be checked.
            if case .serverError = error { return }
            return try missing.add(error, user: user)
        }
        let reply = "'\(user)' may not run it on '\(target)'"
        switch answer {
        case "INCR": missing.add("INCR", reply, ["+incr"])
        case "channel": missing.add("PUBLISH", reply, ["&\(target)"])
        case "PUBLISH": missing.add("PUBLISH", reply, ["+publish"])
        // It is unknown which of the two is missing; if all channels are permitted, Redis reports that the pattern is
        // redundant.
        case "PUBLISH or channel": missing.add("PUBLISH", reply, ["+publish", "&\(target)"])
        default: break
        }
    }
}

/// The target's ACL refused what the publishing script does.
///
/// If the rights cannot be checked in advance (Redis 6 without transactions), the first envelope reveals that they are
/// missing. By then the script may have incremented the counter; each further attempt would increment it again, and the
/// target's nodes would miss an id each time.
struct ScriptRefusal: Error, Equatable, CustomStringConvertible {
    let endpoint: String
    let user: String
    let reply: String

    /// - Returns: nil if the reply has another reason.
    init?(_ reply: String, at endpoint: String, user: String) {
        // Redis 6: "The user executing the script can't run this command or subcommand"; since 7 "ACL failure in script".
        guard reply.contains("The user executing the script can't") || reply.contains("ACL failure in script")
        else { return nil }
        (self.endpoint, self.user, self.reply) = (endpoint, user, reply)
    }

    var description: String {
        "Redis at \(endpoint) does not let '\(user)' publish: \(reply); an administrator gives the rights with: ACL SETUSER \(user) +incr +publish, and ~KEY &KEY for each event key there; then restart the relay"
    }

    /// Whether the server can now tell in advance whether the rights are present.
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
