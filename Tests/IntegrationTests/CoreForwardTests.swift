import Backplane
import Forward
import Logging
import NIOPosix
import Prometheus
import Redis
import TestSupport
import Testing
import Time

@testable import Relay

/// A forwarder of ASP.NET Core hubs, fed like in a relay, with real servers at both ends.
@Suite("Live forwarder of ASP.NET Core", .serialized, .needs(.redisServer, .python))
struct CoreForwardTests {
    private static let hub = CoreHub(prefix: "orc", type: "OracleHub")

    /// A forwarder from one server to another, configured like in a relay.
    private struct Forwarding {
        let forwarder: Forwarder
        let attached: AttachedChannels
        let registry: Registry

        func consume(_ records: [[UInt8]], channel: Int = 0) {
            let batch = EnvelopeBatch()
            for record in records { record.withUnsafeBytes { batch.append(channel: channel, payload: $0) } }
            forwarder.consume(.batch(batch), at: .now())
        }

        func metric(_ series: String) -> Double {
            String(decoding: registry.expose(.text), as: UTF8.self).split(separator: "\n").first {
                $0.hasPrefix(series + " ")
            }
            .flatMap { Double($0.split(separator: " ")[1]) } ?? -1
        }
    }

    private func with(
        _ channels: [BackplaneChannel], from source: RedisServer, to target: RedisServer,
        route: ForwardRoute = ForwardRoute(), _ body: (Forwarding) async throws -> Void
    ) async throws {
        let registry = Registry()
        let attached = AttachedChannels(channels)
        let forwarder = Forwarder(
            from: source.configuration, to: target.configuration, route: route, bufferBytes: 1 << 20,
            context: RelayContext(
                attached: attached, registry: registry, status: RelayStatus(records: false),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
        let task = Task { await forwarder.run() }
        do {
            try await body(Forwarding(forwarder: forwarder, attached: attached, registry: registry))
        } catch {
            task.cancel()
            await task.value
            throw error
        }
        task.cancel()
        await task.value
        await forwarder.finish()
    }

    @Test("both backplanes arrive in order, marked after the part that nodes read; a SCRIPT FLUSH duplicates nothing")
    func forwards() async throws {
        try await RedisServer.with { source in
            try await RedisServer.with { target in
                try await EverythingHeard.with(target) { heard in
                    let channels: [BackplaneChannel] = [.signalR2(key: "chat"), .core(Self.hub)]
                    let route = ForwardRoute(
                        renaming: CoreRenaming(
                            prefixes: ["orc": "shadow:"], groups: ["g1": "g:9"], users: ["alice": "bob"]))
                    try await with(channels, from: source, to: target, route: route) { forwarding in
                        let vectors = try CoreVectors.all()[0].payloads
                        let wanted = vectors.filter { [.all, .group, .user].contains($0.kind) }
                        for round in 0..<2 {
                            for vector in vectors {
                                forwarding.consume([vector.record], channel: 1)
                                forwarding.consume([CoreCaptures.signalR2(1)])
                            }
                            let count = (round + 1) * (wanted.count + vectors.count)
                            _ = try await heard.messages(count: count)
                            if round == 0 { try await target.command(["SCRIPT", "FLUSH"]) }
                        }
                        let messages = try await heard.messages(count: 2 * (wanted.count + vectors.count))
                        #expect(messages.count == 2 * (wanted.count + vectors.count))
                        let core = messages.filter { $0.channel != Array("chat".utf8) }
                        let there = CoreHub(prefix: "shadow:", type: "OracleHub")
                        for (message, vector) in zip(core, wanted + wanted) {
                            let name = String(decoding: vector.channel.dropFirst(Self.hub.root.count), as: UTF8.self)
                            let renamed = [":group:g1": ":group:g:9", ":user:alice": ":user:bob"][name] ?? name
                            #expect(message.channel == there.root + Array(renamed.utf8))
                            guard
                                case .invocation(var invocation) = try CorePayload(
                                    decoding: message.payload, as: vector.kind)
                            else { continue }
                            #expect(invocation.places.count == 1)
                            invocation.places = []
                            #expect(invocation.encoded() == vector.payload)
                        }
                        let labels = #"{channel="orcOracleHub",backplane="core"}"#
                        #expect(
                            forwarding.metric("backplane_relay_forwarded_envelopes_total" + labels)
                                == Double(2 * wanted.count))
                        #expect(
                            forwarding.metric(#"backplane_relay_forward_left_out_envelopes_total{kind="ack"}"#)
                                == Double(2 * vectors.count { $0.kind == .ack }))
                    }
                }
            }
        }
    }

    @Test("a ring of two forwarders: each envelope is at each place once; a hub that appears later is forwarded")
    func ring() async throws {
        try await RedisServer.with { here in
            try await RedisServer.with { there in
                try await EverythingHeard.with(there) { heardThere in
                    try await EverythingHeard.with(here) { heardHere in
                        try await with([.core(Self.hub)], from: here, to: there) { out in
                            try await with([.core(Self.hub)], from: there, to: here) { back in
                                // The identities of the servers, which a relay learns once it has subscribed.
                                for (redis, forwarding) in [(here, out), (there, back)] {
                                    let info = try await redis.withClient { try await $0.serverInfo() }
                                    forwarding.forwarder.consume(
                                        .subscribed(
                                            Subscription(server: info, endpoint: "\(redis.host):\(redis.port)")),
                                        at: .now())
                                }
                                let payload = CoreCaptures.call("[1]")
                                let channel: [UInt8] = Self.hub.channel(.all, [])
                                out.consume([CoreRecord.bytes(channel: channel, payload: payload)])
                                let sent = try await heardThere.messages(count: 1)
                                back.consume(sent.map { CoreRecord.bytes(channel: $0.channel, payload: $0.payload) })
                                let loop = #"backplane_relay_forward_dropped_envelopes_total{reason="loop"}"#
                                try await eventually("the ring is cut") { back.metric(loop) == 1 ? true : nil }
                                #expect(heardHere.messages.isEmpty)

                                let other = CoreHub(prefix: "orc", type: "Other")
                                _ = out.attached.attach([other])
                                let news: [UInt8] = other.channel(.group, Array("g".utf8))
                                out.consume([CoreRecord.bytes(channel: news, payload: payload)], channel: 1)
                                #expect(try await heardThere.messages(count: 2).last?.channel == news)
                                let labels = #"{channel="orcOther",backplane="core"}"#
                                try await eventually("it is counted") {
                                    out.metric("backplane_relay_forwarded_envelopes_total" + labels) == 1 ? true : nil
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test(
        "rights: PUBLISH on the hub's channels is all that is needed; what is missing is told with the line that gives it",
        arguments: RedisEdition.allCases)
    func rights(edition: RedisEdition) async throws {
        guard edition.path != nil else { return }
        try await RedisServer.with { source in
            try await RedisServer.with(edition: edition) { target in
                let known = "+info +cluster|info "
                for (rules, missing) in [
                    ("resetchannels &orcOracleHub:* -@all +publish", nil),
                    ("resetchannels &orcOracleHub:* -@all +publish +multi +discard", nil),
                    ("resetchannels &other -@all +publish +multi +discard", "&orcOracleHub:*"),
                    ("resetchannels &orcOracleHub:* -@all +multi +discard", "+publish"),
                    ("resetchannels &other +@all -multi", edition == .redis6 ? nil : "&orcOracleHub:*"),
                ] as [(String, String?)] {
                    let words = ["ACL", "SETUSER", "fwd", "reset", "on", ">secret", "~none"]
                    let rights = (rules.hasPrefix("resetchannels &other +@all") ? rules : rules + " " + known)
                    try await target.command((words + rights.split(separator: " ").map(String.init)).map { .text($0) })
                    var configuration = target.configuration
                    configuration.username = "fwd"
                    configuration.password = Secret("secret")
                    let report = await ForwardCheck(
                        from: source.configuration, to: configuration, channels: [.core(Self.hub)],
                        route: ForwardRoute()
                    ).look(eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
                    if let missing {
                        let text = report.problem.map { "\($0)" } ?? ""
                        #expect(text.contains("ACL SETUSER fwd") && text.contains(missing), "\(rules): \(text)")
                    } else {
                        #expect(report.problem == nil, "\(rules): \(String(describing: report.problem))")
                    }
                    #expect(try await target.command(["DBSIZE"]).integer == 0)
                }
            }
            // The watched server and hub.
            let same = await ForwardCheck(
                from: source.configuration, to: source.configuration, channels: [.core(Self.hub)],
                route: ForwardRoute()
            ).look(eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
            #expect(same.problem as? ForwardError != nil)
        }
    }
}
