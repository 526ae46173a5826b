import Redis

extension RedisServer {
    /// Waits until this server, a replica of `master`, has a link and has executed what the master has written so far.
    package func waitUntilFollowing(_ master: RedisServer, within limit: Duration = .seconds(40)) async throws {
        let end = try await master.replication()["master_repl_offset"].flatMap { Int($0) } ?? 0
        try await eventually("the replica follows its master up to \(end)", within: limit) { () -> Bool? in
            let fields = try await replication()
            guard fields["master_link_status"] == "up", let offset = fields["slave_repl_offset"] else { return nil }
            return Int(offset) ?? 0 >= end ? true : nil
        }
    }

    /// The fields of `INFO replication`.
    private func replication() async throws -> [Substring: Substring] {
        let lines = try await command(["INFO", "replication"]).text?.split(whereSeparator: \.isNewline) ?? []
        let pairs = lines.compactMap { line in
            line.firstIndex(of: ":").map { (line[..<$0], line[line.index(after: $0)...]) }
        }
        return Dictionary(pairs) { first, _ in first }
    }
}
