import Backplane
import Capture
import Redis
import TestSupport
import Testing

/// A relay whose server has become a replica: what its link to the master does to the messages.
@Suite(
    "A replica and its master", .serialized, .needs(editions: .redis7, .redis6, .valkey9), .timeLimit(.minutes(3)))
struct ReplicaResyncTests {
    private static let hub = CoreHub(type: "ChatHub")
    private static let linkUp = "backplane_relay_replica_link_up"
    private static let resyncs = "backplane_relay_replica_resyncs_total"
    private static let received = "signalr_backplane_envelopes_total"
    private static let channel = #"{channel="chat",backplane="signalr2"}"#
    private static let missing = "signalr_backplane_missing_ids_total" + channel
    private static let hubChannel = #"{channel="ChatHub",backplane="core"}"#

    /// One message on each backplane.
    private static func publish(_ count: Int, at server: RedisServer) async throws {
        let frame = CoreInvocation.Frame(
            protocolName: "json", bytes: Array("{\"type\":1,\"target\":\"say\",\"arguments\":[]}\u{1E}".utf8))
        let invocation = CorePayload.invocation(CoreInvocation(excluded: [], frames: [frame])).encoded()
        try await server.withClient { client in
            for _ in 0..<count {
                let message = Message(source: "c", key: "h-x", value: Array(#"{"H":"x","M":"y","A":[]}"#.utf8))
                let body = ScaleoutMessage(messages: [message], createdTicks: 639_309_800_000_000_000)
                _ = try await client.publishNext("chat") { Envelope(id: $0, body: body).encoded() }
                try await client.send(["PUBLISH", .bytes(hub.channel(.all, [])), .bytes(invocation)])
            }
        }
    }

    private static func wait(_ relay: RelayProcess, received count: Int) async throws {
        try await relay.waitForMetrics("\(count) envelopes of each", within: .seconds(40)) {
            $0[received + channel] == Double(count) && $0[received + hubChannel] == Double(count)
        }
    }

    @Test(
        "a broken link costs nothing, a full transfer is a gap on both backplanes", arguments: RedisEdition.allCases)
    func resync(edition: RedisEdition) async throws {
        guard edition.path != nil else { return }
        // A transfer waits until it is released: what is published before it is lost.
        let diskless = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "1000"]
        func release(_ master: RedisServer) async throws {
            try await master.command(["CONFIG", "SET", "repl-diskless-sync-delay", "0"])
        }
        try await RedisServer.with(diskless, edition: edition) { master in
            try await RedisServer.with(edition: edition) { replica in
                try await TemporaryDirectory.with { folder in
                    let arguments = [
                        "--redis", replica.url, "--channel", "chat", "--core-hub", Self.hub.type, "--record", folder,
                    ]
                    try await RelayProcess.with(arguments) { relay in
                        try await relay.waitForMetrics("it is a master") {
                            $0["backplane_relay_redis_is_master"] == 1 && $0[Self.linkUp] == nil
                        }
                        try await replica.withClient { client in
                            try await client.send(["REPLICAOF", .text(master.host), "\(master.port)"])
                            try await release(master)
                            try await relay.waitForMetrics("it follows its master", within: .seconds(40)) {
                                $0[Self.linkUp] == 1 && $0[Self.resyncs] == 1
                            }
                            try await Self.publish(2, at: master)
                            try await Self.wait(relay, received: 2)

                            // The master still has that part of the stream.
                            try await client.send(["CLIENT", "KILL", "TYPE", "master"])
                            try await Self.publish(3, at: master)
                            try await Self.wait(relay, received: 5)

                            await master.stop()
                            try await relay.waitForMetrics("the link is down", within: .seconds(20)) {
                                $0[Self.linkUp] == 0
                            }
                            try await master.start()
                            try await master.command(["SET", "chat", "5"])
                            try await Self.publish(4, at: master)
                            try await release(master)
                            try await relay.waitForMetrics("the data was transferred", within: .seconds(40)) {
                                $0[Self.resyncs] == 2 && $0[Self.linkUp] == 1
                            }
                            // Before the next message: the counter shows what is missing.
                            try await relay.waitForMetrics("the loss is told at once") { $0[Self.missing] == 4 }
                            try await Self.publish(1, at: master)
                            try await Self.wait(relay, received: 6)
                        }
                        for line in ["the replica has lost its master", "did a full sync from its master"] {
                            #expect(relay.child.errors.contains(line))
                        }
                        // Ids were lost while it should have recorded.
                        #expect(try await relay.stop() == .code(3), "\(relay.child.errors)")
                    }
                    var gaps: [CaptureEvent] = []
                    try CaptureReader(paths: [folder]).forEach { item in
                        if case .event(let event, _) = item, event.event == "gap" { gaps.append(event) }
                    }
                    let unnumbered = CaptureEvent.gap(channel: Self.hub.topic, cause: .replicaResync)
                    #expect(
                        gaps == [
                            unnumbered, unnumbered,
                            .gap(channel: "chat", from: 6, to: 9, cause: .replicaResync),
                        ], "\(gaps)")
                    let info = try await Finished.relay(["info", folder])
                    #expect(info.output.contains("missing 6..9 (4): replica_resync"), "\(info.output)")
                    #expect(info.exit == .code(3))
                }
            }
        }
    }
}
