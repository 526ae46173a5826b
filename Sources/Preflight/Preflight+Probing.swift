import NIOCore
import Redis

/// What only a running relay asks, tried in advance.
extension Preflight {
    /// Tries what only a running relay asks, without effect, and notes what is refused. Not for a server with an
    /// objection.
    package func probe(_ report: inout PreflightReport) async throws {
        _ = try await ask(["CLIENT", "SETNAME", .text(configuration.printableClientName)], &report)
        if let id = try await ask(["CLIENT", "ID"], &report)?.integer {
            _ = try await ask(["CLIENT", "LIST", "ID", "\(id)"], &report)
        }
        _ = try await ask(["ROLE"], &report)
        // With too many words: permissions come first, and no channels are listed.
        let channels: [RESPArgument] = ["PUBSUB", "CHANNELS", "-", "-"]
        if case .error(let text) = try await client.ask(channels), !text.contains("wrong number of arguments") {
            report.refused(channels)
        }
    }

    /// The same for what a running relay asks over the connection of its subscription; only discovered hubs are left.
    func probeSubscribing(
        _ eventLoopGroup: any EventLoopGroup, _ report: inout PreflightReport
    ) async throws {
        let renews = configuration.passwordFile != nil
        var commands: [[RESPArgument]] = renews ? [["HELLO", "3"]] : []
        if core?.findsHubs == true { commands += [["UNSUBSCRIBE", "-"], ["PUNSUBSCRIBE", "-"]] }
        guard !commands.isEmpty else { return }
        // Such a connection may speak RESP3.
        let listener = try await RedisClient.connect(to: configuration, eventLoopGroup: eventLoopGroup) { _ in }
        do {
            for command in commands {
                if case .error = try await listener.ask(command) { report.refused(command) }
            }
            await listener.close()
        } catch {
            await listener.close()
            throw error
        }
    }
}

extension PreflightReport {
    /// Notes a command that the server refused.
    mutating func refused(_ command: [RESPArgument]) {
        if let command = AskedCommand(command), !notPermitted.contains(command) { notPermitted.append(command) }
    }
}

extension RedisError {
    /// An error reply without a meaning of its own.
    var isUnspecific: Bool {
        if case .serverError(_, let reply) = self { reply.hasPrefix("ERR ") } else { false }
    }
}
