import Foundation
import Redis
import TestSupport
import Testing

/// `tail` with a real Redis.
@Suite("Tail", .serialized, .needs(.redisServer))
struct TailTests {
    /// Starts `tail`, or a shell pipeline with it, and waits until it is subscribed.
    private func withTail(
        _ options: [String], to redis: RedisServer, shell: ((_ command: String, _ folder: String) -> String)? = nil,
        _ body: (ChildProcess, _ folder: String) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { folder in
            let arguments = ["tail", "--redis", redis.url, "--channel", "chat"] + options
            let child: ChildProcess
            if let shell {
                let command = "'\(try RelayProcess.path())' \(arguments.joined(separator: " "))"
                child = try await ChildProcess.start("/bin/bash", ["-c", shell(command, folder)], folder: folder)
            } else {
                child = try await ChildProcess.start(RelayProcess.path(), arguments, folder: folder)
            }
            do {
                try await waitForSubscriber(of: redis)
                try await body(child, folder)
                await child.terminate()
            } catch {
                await child.terminate()
                throw TestFailure("\(error)\ntail said:\n\(child.errors.suffix(4_000))")
            }
        }
    }

    private func waitForSubscriber(of redis: RedisServer) async throws {
        _ = try await redis.withClient { client in
            try await eventually("tail is subscribed") { () -> Bool? in
                try await client.send(["PUBSUB", "NUMSUB", "chat"]).array?.last?.integer == 1 ? true : nil
            }
        }
    }

    /// A line without the parts that differ between two subscribers: the times of receipt.
    private func timeless(_ line: String) -> String {
        line.replacing(#/"(received_at|latency_ns)":[^,]*,/#, with: "").replacing(#/^\d{4}-\S+Z/#, with: "")
    }

    @Test(
        "it prints the same lines as cat",
        arguments: [[], ["--json"], ["--json", "--hub", "chatHub"], ["--grep", "hello"]])
    func likeCat(options: [String]) async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                try await withTail(options, to: redis) { tail, _ in
                    try await RelayProcess.with(
                        ["--redis", redis.url, "--channel", "chat", "--record", directory]
                    ) { relay in
                        try await MixedTraffic.publish(to: redis)
                        try await relay.waitForMetric(
                            "backplane_relay_recorded_envelopes_total", atLeast: MixedTraffic.payloads.count)
                        #expect(try await relay.stop() == .code(0))
                    }
                    let cat = try await Finished.relay(["cat", directory] + options)
                    #expect(!cat.lines.isEmpty)
                    let expected = cat.lines.map(timeless)
                    try await eventually("all is printed") {
                        let lines = tail.output.split(separator: "\n").map { timeless(String($0)) }
                        return lines.filter { !$0.contains(#""event""#) } == expected ? true : nil
                    }
                    tail.signal(SIGTERM)
                    let exit = try await tail.exit(within: .seconds(10))
                    #expect(exit == .code(0))
                }
            }
        }
    }

    @Test("a killed connection, a gap and a counter reset are reported", arguments: [true, false])
    func events(json: Bool) async throws {
        try await RedisServer.with { redis in
            try await withTail(json ? ["--json", "--limit", "3"] : ["--limit", "3"], to: redis) { tail, _ in
                try await redis.withClient { client in
                    let publisher = try await NodePublisher(client, channel: "chat")
                    _ = try await publisher.publish(1)
                    try await eventually("the first is printed") {
                        tail.output.contains("broadcastMessage") ? true : nil
                    }
                    // In this order: when it has resubscribed, tail knows that this id was assigned before.
                    try await client.send(["INCR", "chat"])
                    try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
                    try await eventually("tail has detected it") {
                        (tail.output + tail.errors).contains(json ? #""event":"disconnected""# : "subscription lost")
                            ? true : nil
                    }
                    try await waitForSubscriber(of: redis)
                    _ = try await publisher.publish(1)
                    try await client.send(["SET", "chat", "0"])
                    _ = try await publisher.publish(1)
                }
                let exit = try await tail.exit(within: .seconds(10))
                #expect(exit == .code(0))
                let lines = tail.output.split(separator: "\n")
                #expect(lines.count { $0.contains("broadcastMessage") } == 3)
                if json {
                    let events = try lines.filter { $0.contains(#""event""#) }.map {
                        try JSONDecoder().decode(RelayEvent.self, from: Data($0.utf8))
                    }
                    #expect(
                        events == [
                            RelayEvent(event: "subscribed"),
                            RelayEvent(event: "disconnected", cause: "closed_by_server"),
                            RelayEvent(event: "subscribed"),
                            RelayEvent(event: "gap", channel: "chat", from: 2, to: 2, cause: "connection_lost"),
                            RelayEvent(event: "counter_reset", channel: "chat", from: 3, to: 1),
                        ])
                } else {
                    #expect(lines.count == 3)
                    for text in ["subscription lost", "gap: ids are missing", "2..2", "the counter was set back"] {
                        #expect(tail.errors.contains(text), "\(text)")
                    }
                }
            }
        }
    }

    @Test("ids missed during a lost connection are reported without another envelope", arguments: [true, false])
    func missed(json: Bool) async throws {
        try await RedisServer.with { redis in
            try await withTail(json ? ["--json"] : [], to: redis) { tail, _ in
                try await redis.withClient { client in
                    _ = try await NodePublisher(client, channel: "chat").publish(1)
                    try await eventually("the first is printed") {
                        tail.output.contains("broadcastMessage") ? true : nil
                    }
                    // Immediately: no subscriber in between.
                    try await client.send(["MULTI"])
                    try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
                    try await client.send(["INCRBY", "chat", "3"])
                    try await client.send(["EXEC"])
                }
                try await eventually("it is reported") {
                    (json ? tail.output : tail.errors).contains(json ? #""from":2,"to":4"# : "ids=2..4") ? true : nil
                }
            }
        }
    }

    @Test("it ends silently when its reader closes the pipe, even without further traffic")
    func closedPipe() async throws {
        try await RedisServer.with { redis in
            try await withTail([], to: redis, shell: { command, _ in "set -o pipefail; \(command) | head -3" }) {
                shell, _ in
                try await MixedTraffic.publish(to: redis)
                let exit = try await shell.exit(within: .seconds(10))
                #expect(exit == .code(0))
                #expect(shell.output.split(separator: "\n").count == 3)
                #expect(!shell.errors.contains("rror"), "\(shell.errors)")
            }
        }
    }

    @Test("interrupts end it", arguments: [SIGINT, SIGTERM])
    func interrupts(number: Int32) async throws {
        try await RedisServer.with { redis in
            try await withTail([], to: redis) { tail, _ in
                tail.signal(number)
                let exit = try await tail.exit(within: .seconds(10))
                #expect(exit == .code(0))
            }
        }
    }

    @Test("a time limit ends it, with or without a Redis")
    func duration() async throws {
        let arguments = ["--redis", "redis://127.0.0.1:1", "--channel", "chat", "--duration", "3s"]
        let run = try await Finished.relay(["tail"] + arguments, within: .seconds(20))
        #expect(run.exit == .code(0))
        #expect(run.output.isEmpty)
        #expect(run.errors.contains("cannot subscribe"))
    }

    @Test("permanent errors: exit 1, named")
    func wrongPassword() async throws {
        try await RedisServer.with(["--requirepass", "another"]) { redis in
            let run = try await Finished.relay(["tail", "--redis", redis.url, "--channel", "chat"])
            #expect(run.exit == .code(1))
            #expect(run.errors.contains("password"))
        }
    }

    // MARK: - Slow readers

    /// `tail` prints to a reader that starts when the fifo `gate` is opened, and then writes to `printed`.
    private func slowReader(_ command: String, _ folder: String) -> String {
        "mkfifo \(folder)/gate; exec \(command) --json --buffer 1MiB > >(read -r _ < \(folder)/gate; cat > \(folder)/printed)"
    }

    /// Publishes more than the pipe and the buffer hold, and waits until Redis has sent all of it.
    private func flood(_ redis: RedisServer) async throws -> Int {
        try await redis.withClient { client in
            let publisher = try await NodePublisher(client, channel: "chat")
            for _ in 0..<20 { _ = try await publisher.publish(100, size: 4_000) }
            try await eventually("Redis is rid of it") { () -> Bool? in
                let clients = try await client.send(["CLIENT", "LIST", "TYPE", "pubsub"])
                guard case .bulk(let text) = clients else { return nil }
                return String(decoding: text, as: UTF8.self).contains("omem=0") ? true : nil
            }
        }
        return 2_000
    }

    @Test("a reader slower than the traffic costs envelopes, which are counted: exit 3")
    func slowReaderLoses() async throws {
        try await RedisServer.with { redis in
            try await withTail([], to: redis, shell: slowReader) { tail, folder in
                var published = try await flood(redis)
                try "go\n".write(toFile: folder + "/gate", atomically: false, encoding: .utf8)
                let printed = { (try? String(contentsOfFile: folder + "/printed", encoding: .utf8)) ?? "" }
                try await eventually("it reports that") { printed().contains(#""event":"dropped""#) ? true : nil }
                // Envelopes that tail has not read when it is stopped are not counted; the last line it prints was read
                // last.
                try await redis.withClient { client in
                    let publisher = try await NodePublisher(client, channel: "chat")
                    func publish() async throws -> String {
                        published += 1
                        return try await #""id":\#(publisher.publish(1)[0].id),"#
                    }
                    var ids: [String] = []
                    try await eventually("an envelope is accepted again") { () -> Bool? in
                        try await ids.append(publish())
                        return ids.contains { printed().contains($0) } ? true : nil
                    }
                    let last = try await publish()
                    try await eventually("the last one is printed") { printed().contains(last) ? true : nil }
                }
                tail.signal(SIGTERM)
                let exit = try await tail.exit(within: .seconds(20))
                #expect(exit == .code(3))
                let dropped = try #require(tail.errors.firstMatch(of: #/dropped: ([\d,]+) envelopes/#))
                let count = try #require(Int(dropped.1.filter { $0 != "," }))
                let envelopes = try await eventually("the reader has everything") {
                    let count = printed().split(separator: "\n").count { $0.contains(#""messages""#) }
                    return count + (Int(dropped.1.filter { $0 != "," }) ?? 0) == published ? count : nil
                }
                #expect(count > 0 && envelopes > 0)
            }
        }
    }

    @Test("a stalled reader does not delay the stop")
    func stalledReader() async throws {
        try await RedisServer.with { redis in
            try await withTail([], to: redis, shell: slowReader) { tail, folder in
                _ = try await flood(redis)
                tail.signal(SIGTERM)
                let exit = try await tail.exit(within: .seconds(10))
                #expect(exit == .code(3))
                #expect(tail.errors.contains("dropped: "))
                // The reader would wait forever.
                try "go\n".write(toFile: folder + "/gate", atomically: false, encoding: .utf8)
            }
        }
    }
}
