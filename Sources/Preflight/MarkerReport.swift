package import NIOCore
package import Redis

/// Whether a server permits markers.
package struct MarkerReport: Sendable, Equatable {
    /// The server's reply to a refused command, or what else prevents markers; nil if all is permitted.
    package var refusal: String?

    /// nil if all is permitted.
    package var finding: PreflightFinding? {
        refusal.map {
            .warning(
                "what the server publishes cannot be counted by markers, and the relay runs without them: \($0); markers need the rights +multi +exec +info +publish and \(MarkerChannel.aclRule)"
            )
        }
    }

    /// Tries a marker, on a channel to which nobody else subscribes.
    ///
    /// - Parameter redis: as for the relay.
    package static func ask(_ redis: RedisConfiguration, eventLoopGroup: any EventLoopGroup) async -> MarkerReport {
        let channel = RESPArgument.text(MarkerChannel.beginning + "check")
        do {
            let master = try await MasterSearch(redis, eventLoopGroup: eventLoopGroup).connect()
            do {
                let replies = try await master.transaction([["INFO", "commandstats"], ["PUBLISH", channel, "0"]])
                await master.close()
                if case .error(let text)? = replies.first(where: { if case .error = $0 { true } else { false } }) {
                    return MarkerReport(refusal: text)
                }
                guard replies[0].text?.contains("cmdstat_") == true else {
                    return MarkerReport(refusal: "INFO commandstats has no counts of commands")
                }
            } catch {
                await master.close()
                throw error
            }
            let listener = try await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup)
            do {
                try await listener.send(["SUBSCRIBE", channel])
                await listener.close()
            } catch {
                await listener.close()
                throw error
            }
            return MarkerReport()
        } catch {
            return MarkerReport(refusal: "\(error)")
        }
    }
}
