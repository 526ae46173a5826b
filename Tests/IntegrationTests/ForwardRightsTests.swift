import Redis
import TestSupport
import Testing

/// The permissions that a forward needs at its target: checked before anything is published, on every edition of
/// server.
@Suite("Permissions of a forward", .needs(.redisServer))
struct ForwardRightsTests {
    private static let channel = "chat"
    private static let all = "+info +cluster|info +script|load +evalsha +incr +publish"

    /// - Parameter rights: as for `ACL SETUSER`, after a login without permissions.
    private static func give(_ rights: String, on target: RedisServer) async throws {
        let words = ["ACL", "SETUSER", "fwd", "reset", "on", ">secret"] + rights.split(separator: " ").map(String.init)
        try await target.command(words.map { .text($0) })
    }

    private static func arguments(_ source: RedisServer, _ target: RedisServer) -> [String] {
        [
            "--redis", source.url, "--channel", channel, "--listen", "127.0.0.1:0", "--forward",
            "redis://fwd:secret@127.0.0.1:\(target.port)",
        ]
    }

    @Test(
        "a missing permission is reported with the line that grants it, nothing is published, and the line works",
        .needs(editions: .redis7, .redis6, .valkey9), arguments: RedisEdition.allCases)
    func missing(edition: RedisEdition) async throws {
        try await RedisServer.with { source in
            try await RedisServer.with(edition: edition) { target in
                for (rights, refused) in [
                    ("~* &* +@all -evalsha", "EVALSHA"), ("~* &* +@all -script", "SCRIPT"),
                    ("~* &* +@all -incr", "INCR"), ("~* &* +@all -publish", "PUBLISH"),
                    ("~other &* +@all", "EVALSHA"), ("~* resetchannels &other +@all", "PUBLISH"),
                    ("~* &* -@all +info +multi +discard", "SCRIPT"),
                    // Without transactions: checked with a script, or, before Redis 7, not at all.
                    ("~* &* +@all -evalsha -multi", "EVALSHA"), ("~other &* +@all -multi", "EVALSHA"),
                    ("~* &* +@all -incr -multi", edition == .redis6 ? nil : "INCR"),
                    ("~* &* +@all -publish -multi", edition == .redis6 ? nil : "PUBLISH"),
                    ("~* resetchannels &other +@all -publish -multi", edition == .redis6 ? nil : "PUBLISH"),
                    ("~* resetchannels &other* +@all -multi", edition == .redis6 ? nil : "PUBLISH"),
                ] as [(String, String?)] {
                    try await Self.give(rights, on: target)
                    let arguments = Self.arguments(source, target)
                    let check = try await Finished.relay(["run", "--check-only"] + arguments)
                    guard let refused else {
                        #expect(check.exit == .code(0), "\(rights): \(check.output)")
                        continue
                    }
                    #expect(check.exit == .code(1), "\(rights): \(check.output)")
                    let sentence =
                        "problem       --forward: Redis at 127.0.0.1:\(target.port) does not permit \(refused): "
                    #expect(check.output.contains(sentence), "\(rights): \(check.output)")
                    let run = try await Finished.relay(["run"] + arguments)
                    #expect(run.exit == .code(1) && run.errors.contains("does not permit \(refused)"), "\(run.errors)")
                    #expect(try await target.command(["EXISTS", .text(Self.channel)]).integer == 0)

                    let rule = check.output.firstMatch(of: #/ACL SETUSER fwd [^\n]*/#)
                    let words = try #require(rule, "\(check.output)").output.split(separator: " ").map(String.init)
                    try await target.command(words.map { .text($0) })
                    let healed = try await Finished.relay(["run", "--check-only"] + arguments)
                    #expect(healed.exit == .code(0), "\(rights): \(healed.output)")
                }
                // The minimum permissions, without transactions.
                try await Self.give("~chat resetchannels &chat -@all " + Self.all, on: target)
                let check = try await Finished.relay(["run", "--check-only"] + Self.arguments(source, target))
                #expect(check.exit == .code(0), "\(check.output)")
                #expect(try await target.command(["EXISTS", .text(Self.channel)]).integer == 0)
            }
        }
    }

    @Test("errors of the target's certificate or password name the target's options", .needs(.openssl))
    func connection() async throws {
        try await Certificates.with { certificates in
            try certificates.make("redis")
            let tlsPort = try FreePort.find()
            let server = certificates.serverArguments("redis", port: tlsPort) + ["--requirepass", "secret"]
            try await RedisServer.with { source in
                try await RedisServer.with(server) { target in
                    for (address, options) in [
                        ("rediss://:secret@127.0.0.1:\(tlsPort)", "(--forward-ca-file)"),
                        (target.url, "(BACKPLANE_RELAY_FORWARD, --forward-password-file)"),
                    ] {
                        let arguments = [
                            "--redis", source.url, "--channel", Self.channel, "--listen", "127.0.0.1:0", "--forward",
                            address,
                        ]
                        let check = try await Finished.relay(["run", "--check-only"] + arguments)
                        let run = try await Finished.relay(["run"] + arguments)
                        #expect(check.exit == .code(1) && run.exit == .code(1))
                        for said in [check.output, run.errors] {
                            #expect(said.contains(options) && !said.contains("--redis-"), "\(said)")
                        }
                    }
                }
            }
        }
    }

    @Test("a revoked permission is reported at the next connection; once restored, forwarding continues")
    func takenAway() async throws {
        try await RedisServer.with { source in
            try await RedisServer.with { target in
                let rights = "~chat resetchannels &chat -@all " + Self.all
                try await Self.give(rights, on: target)
                try await RelayProcess.with(
                    Array(Self.arguments(source, target).filter { $0 != "127.0.0.1:0" && $0 != "--listen" })
                ) { relay in
                    try await eventually("it forwards") { relay.child.errors.contains(" forwarding ") ? true : nil }
                    // Recreating a user closes its connections.
                    try await target.command(["ACL", "DELUSER", "fwd"])
                    try await Self.give(rights + " -publish", on: target)
                    // A lost connection is detected at the next write.
                    _ = try await source.withClient { client in
                        try await NodePublisher(client, channel: Self.channel).publish(1)
                    }
                    try await eventually("it is reported") {
                        relay.child.errors.contains("does not permit PUBLISH") ? true : nil
                    }
                    _ = try await source.withClient { client in
                        try await NodePublisher(client, channel: Self.channel).publish(5)
                    }
                    try await Self.give(rights, on: target)
                    try await relay.waitForMetric(
                        #"backplane_relay_forwarded_envelopes_total{channel="chat",backplane="signalr2"}"#, atLeast: 5)
                }
            }
        }
    }

    /// Redis 6 without transactions cannot be checked: the first envelope reveals it, and forwarding stops. Each
    /// further envelope would raise the target's counter without a message.
    @Test(
        "a right that cannot be asked: forwarding stops at the first refusal, with what to do; recording continues",
        .needs(editions: .redis6), arguments: ["~* &* +@all -publish -multi", "~* &* +@all -incr -multi"])
    func stopsWhereItCannotAsk(rights: String) async throws {
        try await RedisServer.with { source in
            try await RedisServer.with(edition: .redis6) { target in
                try await Self.give(rights, on: target)
                let arguments = Self.arguments(source, target).filter { $0 != "127.0.0.1:0" && $0 != "--listen" }
                try await RelayProcess.with(arguments) { relay in
                    try await eventually("it forwards") { relay.child.errors.contains(" forwarding ") ? true : nil }
                    try await source.withClient { client in
                        let publisher = try await NodePublisher(client, channel: Self.channel)
                        _ = try await publisher.publish(1)
                        try await eventually("it is reported") {
                            relay.child.errors.contains("forwarding has stopped, recording continues") ? true : nil
                        }
                        #expect(relay.child.errors.contains("ACL SETUSER fwd +incr +publish"))
                        let refused = #"backplane_relay_forward_dropped_envelopes_total{reason="refused"}"#
                        _ = try await publisher.publish(3)
                        try await relay.waitForMetric(refused, atLeast: 4)
                    }
                    let counter = try await target.command(["GET", .text(Self.channel)]).text
                    #expect(counter == (rights.contains("-publish") ? "1" : nil), "raised at most once")
                    #expect(try await relay.metric("backplane_relay_forward_up") == 0)
                    #expect(
                        try await relay.metric(
                            #"signalr_backplane_envelopes_total{channel="chat",backplane="signalr2"}"#) == 4)
                    #expect(
                        relay.child.errors.split(separator: "\n").count { $0.contains("forwarding has stopped") } == 1)
                }
            }
        }
    }
}
