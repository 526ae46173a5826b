import Backplane
import Foundation
import Redis
import Synchronization
import TestSupport
import Testing

/// Checks that the queries of `dashboards/` have data, and that each fault fires its alerts and is visible: a real
/// Prometheus scrapes a real backplane. `DashboardTests` check the same files without running anything.
@Suite("The dashboards and alerts, live", .needs(.redisServer, .prometheus, .gcc), .timeLimit(.minutes(5)))
struct PrometheusProofTests {
    /// Expected to have no data in this run.
    private static let rightlyEmpty = [
        "backplane: Relay started": "the relay starts once, before the first scrape",
        "relay: Relay started": "the relay starts once, before the first scrape",
        "relay: Master, and lag of a replica B": "the Redis of this run is a master",
        "relay: Outage covered by the backlog A": withoutTap, "relay: Lag of the stream A": withoutTap,
        "relay: Stream read A": withoutTap, "relay: Stream read B": withoutTap,
        "relay: Syncs and losses A": withoutTap, "relay: Syncs and losses B": withoutTap,
        "relay: Published and received, by markers A": withoutMarkers,
        "relay: Published and received, by markers B": withoutMarkers,
        "relay: Missing at most, by markers A": withoutMarkers,
        "relay: Missing at most, by markers B": withoutMarkers,
    ]
    private static let withoutTap = "the relay of this run has no tap"
    private static let withoutMarkers = "the relay of this run publishes no markers"

    /// Alerts about the disk of this machine, not of the test, and its trend over hours.
    private static let ofTheMachine: Set = ["BackplaneDiskLow", "BackplaneDiskFilling"]

    @Test("every panel and rule has data, and each injected fault fires its alerts and shows in its panels")
    func proof() async throws {
        let queries = try PanelQuery.all()
        try await WatchedBackplane.with { scene in
            try await withThrowingTaskGroup { group in
                group.addTask { await scene.keepBusy() }
                try await waitUntilHealthy(scene, queries)
                // Slow faults, on separate channels or files: they run in parallel with the others.
                async let acks: Void = missingAck(scene, queries)
                async let results: Void = missingResult(scene, queries)
                async let pings: Void = unansweredPing(scene, queries)
                async let silence: Void = silence(scene, queries)
                async let archive: Void = failingArchive(scene, queries)
                try await faultsOfIDs(scene, queries)
                try await faultsOfProtocols(scene, queries)
                try await faultsOfSubscribers(scene, queries)
                try await faultsOfCalls(scene, queries)
                try await silence
                try await archive
                try await everyPanelHasData(scene, queries)
                // Before the relay misses envelopes: an ack may be among them, and pending commands are forgotten.
                try await acks
                try await results
                try await pings
                try await faultsOfConnections(scene, queries)
                try await faultsOfTheDisk(scene, queries)
                try await faultsOfServers(scene, queries)
                try await everyRuleIsHealthy(scene)
                try await deaths(scene, queries)
                group.cancelAll()
                try await printAlerts(scene)
            }
        }
    }

    /// Everything that ever fired, so that a reader sees side effects of the faults.
    private func printAlerts(_ scene: WatchedBackplane) async throws {
        let fired = try await scene.prometheus.query(#"max_over_time(ALERTS{alertstate="firing"}[10m])"#)
        let names = Set(fired.compactMap { $0.labels["alertname"] })
        print("\(names.count) alerts fired in all: \(names.sorted().joined(separator: " "))")
    }

    // MARK: - Without a fault

    private func waitUntilHealthy(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let verdict = try #require(queries.first { $0.panel == "Verdict" })
        try await eventually("the verdict is healthy", within: .seconds(40)) {
            try await verdict.ask(scene.prometheus).first?.values == [0] ? true : nil
        }
        for channel in [WatchedBackplane.quiet, WatchedBackplane.still] {
            try await eventually("\(channel) has two subscribers") {
                try await scene.prometheus.query(
                    #"signalr_backplane_subscribers{channel="\#(channel)",backplane="signalr2"}"#
                )
                .first?.values == [2] ? true : nil
            }
        }
        // Until Prometheus had found its targets, the relay was absent.
        try await eventually("no alert fires") {
            let firing = try await scene.prometheus.alerts().filter(\.isFiring).compactMap {
                $0.labels["alertname"]
            }
            return Set(firing).isSubset(of: Self.ofTheMachine) ? true : nil
        }
    }

    private func everyPanelHasData(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        var empty = queries
        _ = try? await eventually("every panel has data") {
            var still: [PanelQuery] = []
            for query in empty where try await query.ask(scene.prometheus).isEmpty { still.append(query) }
            empty = still
            return empty.allSatisfy { Self.rightlyEmpty[$0.description] != nil } ? true : nil
        }
        #expect(Set(empty.map(\.description)) == Set(Self.rightlyEmpty.keys))
        print("\(queries.count - empty.count) of \(queries.count) expressions of panels have data")
    }

    private func everyRuleIsHealthy(_ scene: WatchedBackplane) async throws {
        let rules = try await eventually("all rules have been evaluated") {
            let rules = try await scene.prometheus.rules()
            return rules.allSatisfy { $0.health != "unknown" } ? rules : nil
        }
        for rule in rules {
            #expect(rule.health == "ok" && rule.lastError ?? "" == "", "\(rule.name): \(rule.lastError ?? "")")
        }
        #expect(rules.contains { $0.type == "recording" } && rules.contains { $0.type == "alerting" })
        for rule in rules where rule.type == "recording" {
            #expect(try await !scene.prometheus.query(rule.name).isEmpty, "\(rule.name) has no data")
        }
        print("\(rules.count) rules evaluate without an error")
    }

    // MARK: - Faults

    private func faultsOfIDs(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let channel = WatchedBackplane.quiet
        let quiet = ["channel": channel]
        let last = try #require(try await scene.publish(5, on: channel).last)
        func prove(
            _ name: String, _ alert: String, disorder: String, _ others: [InjectedFault.ExpectedChange],
            inject: () async throws -> Void
        ) async throws {
            let fault = InjectedFault(
                name: name, alerts: [.init(name: alert, labels: quiet)],
                changes: [
                    .init(dashboard: "backplane", panel: "Loss and disorder", letter: disorder, labels: quiet)
                ] + others)
            try await fault.prove(by: scene.prometheus, queries: queries, inject: inject)
        }
        func part(_ letter: String) -> InjectedFault.ExpectedChange {
            .init(dashboard: "backplane", panel: "Which part, since when", letter: letter)
        }

        try await prove(
            "duplicate id", "BackplaneDuplicateIds", disorder: "C",
            [part("F"), .init(dashboard: "backplane", panel: "Verdict")]
        ) {
            try await scene.publish(payload: last.payload, on: channel)
        }
        try await prove(
            "gap", "BackplaneGaps", disorder: "A",
            [part("D"), .init(dashboard: "backplane", panel: "Missing ids")]
        ) {
            try await scene.redis.command(["INCR", .text(channel)])
            try await scene.publish(1, on: channel)
        }
        try await prove(
            "counter reset", "BackplaneCounterReset", disorder: "B",
            [
                part("E"), .init(dashboard: "backplane", panel: "Counter resets"),
                .init(dashboard: "backplane", panel: "Counter reset", letter: ""),
            ]
        ) {
            try await scene.redis.command(["SET", .text(channel), "1"])
            try await scene.publish(3, on: channel)
        }
        try await prove("two counters", "BackplaneInterleavedIds", disorder: "D", []) {
            var envelope = try Envelope(decoding: last.payload)
            for id: UInt64 in [1_000, 3, 1_001, 4, 1_002, 5] {
                envelope.id = id
                try await scene.publish(payload: envelope.encoded(), on: channel)
            }
        }
        try await prove("nonsense", "BackplaneUndecodable", disorder: "F", [part("K")]) {
            try await scene.publish(payload: Array("nonsense".utf8), on: channel)
        }
    }

    private func missingAck(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let fault = InjectedFault(
            name: "group change without an ack", limit: .seconds(45), alerts: [.init(name: "BackplaneAcksMissing")],
            changes: [
                .init(dashboard: "backplane", panel: "Acks missing"),
                .init(dashboard: "backplane", panel: "Which part, since when", letter: "H"),
            ])
        try await fault.prove(by: scene.prometheus, queries: queries) {
            let id = UUID().uuidString.lowercased()
            let command = Command(waitForAck: true, id: id, type: .addToGroup, value: "hg-chatHub.room")
            let message = Message(
                source: "5d79f717-a44d-4b23-ae9c-fb5f3a54d40b", key: "c-deaf", value: command.encoded(),
                commandID: id, waitForAck: true)
            try await scene.redis.withClient { client in
                try await scene.publish(message, on: WatchedBackplane.busy, by: client)
            }
        }
    }

    private func missingResult(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let hub = WatchedBackplane.hubOfCore
        let fault = InjectedFault(
            name: "client result that nobody gives", limit: .seconds(45),
            alerts: [.init(name: "BackplaneResultsMissing", labels: ["channel": hub.topic, "backplane": "core"])],
            changes: [
                .init(dashboard: "backplane", panel: "Client results missing", labels: ["channel": hub.topic]),
                .init(dashboard: "backplane", panel: "Which part, since when", letter: "P"),
            ])
        try await fault.prove(by: scene.prometheus, queries: queries) {
            let invocation = CoreInvocation(
                frames: Self.frames,
                reply: CoreInvocation.Reply(invocationID: "nobody", channel: hub.type + ":internal:return:web1_1"))
            try await scene.publish(payload: invocation.encoded(), on: hub.channel(.connection, "gone"))
        }
    }

    private func unansweredPing(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let hub = WatchedBackplane.hubOfCore
        let fault = InjectedFault(
            name: "node that does not answer pings", limit: .seconds(45),
            alerts: [.init(name: "BackplanePingUnanswered", labels: ["channel": hub.topic, "backplane": "core"])],
            changes: [
                .init(dashboard: "backplane", panel: "Pings unanswered", labels: ["channel": hub.topic])
            ])
        try await scene.redis.withClient { node in
            try await fault.prove(by: scene.prometheus, queries: queries) {
                try await node.send(["SUBSCRIBE", .text(hub.channel(.connection, "hung"))])
            }
        }
    }

    private func faultsOfProtocols(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let hub = WatchedBackplane.hubOfCore
        let labels = ["channel": hub.topic, "protocol": "messagepack"]
        let fault = InjectedFault(
            name: "envelope without a hub protocol",
            alerts: [.init(name: "BackplaneProtocolMissing", labels: labels)],
            changes: [
                .init(dashboard: "backplane", panel: "Envelopes without a protocol", labels: labels),
                .init(dashboard: "backplane", panel: "Which part, since when", letter: "O"),
            ])
        try await fault.prove(by: scene.prometheus, queries: queries) {
            let invocation = CoreInvocation(frames: [Self.frames[0]])
            try await scene.publish(payload: invocation.encoded(), on: hub.channel(.all))
        }
    }

    /// The same call in both hub protocols.
    private static let frames = [
        CoreInvocation.Frame(
            protocolName: "json", bytes: Array("{\"type\":1,\"target\":\"Recv\",\"arguments\":[]}\u{1e}".utf8)),
        CoreInvocation.Frame(
            protocolName: "messagepack",
            bytes: [0x0B, 0x96, 1, 0x80, 0xC0, 0xA4] + Array("Recv".utf8) + [0x90, 0x90]),
    ]

    private func silence(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let still = ["channel": WatchedBackplane.still]
        try await scene.redis.command(["SET", .text(WatchedBackplane.still), "7"])
        try await eventually("the relay has read the counter") {
            try await scene.prometheus.query(
                #"signalr_backplane_issued_id{channel="\#(WatchedBackplane.still)",backplane="signalr2"}"#
            )
            .first?.values == [7] ? true : nil
        }
        let fault = InjectedFault(
            name: "counter moves in silence", alerts: [.init(name: "BackplaneSilent", labels: still)],
            changes: [
                .init(dashboard: "backplane", panel: "Which part, since when", letter: "C"),
                .init(dashboard: "backplane", panel: "Last id and counter", letter: "B", labels: still),
            ])
        try await fault.prove(by: scene.prometheus, queries: queries) {
            try await scene.redis.command(["INCR", .text(WatchedBackplane.still)])
        }
    }

    private func failingArchive(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let fault = InjectedFault(
            name: "failing archive", alerts: [.init(name: "BackplaneArchiveFailing")],
            changes: [
                .init(dashboard: "relay", panel: "Trouble with the capture", letter: "D"),
                .init(dashboard: "relay", panel: "To archive"),
            ])
        try await fault.prove(by: scene.prometheus, queries: queries) {
            try Data().write(to: URL(fileURLWithPath: scene.noArchive))
        }
        try FileManager.default.removeItem(atPath: scene.noArchive)
    }

    private func faultsOfSubscribers(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let quiet = ["channel": WatchedBackplane.quiet]
        let fault = InjectedFault(
            name: "node deaf",
            alerts: [
                .init(name: "BackplaneNodeDeaf", labels: quiet), .init(name: "BackplaneNoNodes", labels: quiet),
            ],
            changes: [
                // Two panels: the number, and its graph.
                .init(dashboard: "backplane", panel: "Subscribers", labels: quiet, direction: .falls),
                .init(dashboard: "backplane", panel: "Which part, since when", letter: "G"),
            ])
        try await fault.prove(by: scene.prometheus, queries: queries) { await scene.subscriber.terminate() }
    }

    private func faultsOfCalls(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let fault = InjectedFault(
            name: "failing hub calls", alerts: [.init(name: "BackplaneHubCallsFailing")],
            changes: [.init(dashboard: "hub-and-probe", panel: "Failing calls")])
        try await fault.prove(by: scene.prometheus, queries: queries) {
            scene.callsFail.store(true, ordering: .relaxed)
        }
    }

    private func faultsOfConnections(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let still = ["channel": WatchedBackplane.still]
        let fault = InjectedFault(
            name: "subscriptions killed again and again, and a counter that tells nothing",
            alerts: [.init(name: "BackplaneReconnecting"), .init(name: "BackplaneIdsInDoubt", labels: still)],
            changes: [
                .init(dashboard: "relay", panel: "Resubscriptions"),
                .init(dashboard: "backplane", panel: "Loss and disorder", letter: "G", labels: still),
            ])
        try await fault.prove(by: scene.prometheus, queries: queries) {
            try await scene.redis.command(["SET", .text(WatchedBackplane.still), "no number"])
            for _ in 1...4 {
                let before = try await scene.relay.metric("backplane_relay_reconnects_total")
                try await scene.redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                try await scene.relay.waitForMetric("backplane_relay_reconnects_total", atLeast: Int(before) + 1)
            }
        }
    }

    private func faultsOfTheDisk(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let slow = InjectedFault(
            name: "slow disk",
            alerts: [.init(name: "BackplaneIntakeFilling"), .init(name: "BackplaneRelayDropping")],
            changes: [
                .init(dashboard: "relay", panel: "Intake"), .init(dashboard: "relay", panel: "Dropped"),
                .init(dashboard: "relay", panel: "Drops"),
                .init(dashboard: "relay", panel: "Time to write", letter: "B"),
            ])
        try await withThrowingTaskGroup { group in
            try await slow.prove(by: scene.prometheus, queries: queries) {
                try scene.disk.begin(.slow)
                group.addTask { try await scene.flood() }
            }
            group.cancelAll()
        }
        try scene.disk.end()

        let failing = InjectedFault(
            name: "failing disk",
            alerts: [.init(name: "BackplaneNotRecording"), .init(name: "BackplaneWriteErrors")],
            changes: [
                .init(dashboard: "relay", panel: "Recording", direction: .falls),
                .init(dashboard: "relay", panel: "Trouble with the capture", letter: "A"),
                .init(dashboard: "backplane", panel: "Which part, since when", letter: "L"),
            ])
        try await failing.prove(by: scene.prometheus, queries: queries) { try scene.disk.begin(.write) }
        try scene.disk.end()
        try await scene.relay.waitUntilReady()

        let damaged = InjectedFault(
            name: "open segment deleted", alerts: [.init(name: "BackplaneCaptureDamaged")],
            changes: [.init(dashboard: "relay", panel: "Trouble with the capture", letter: "B")])
        try await damaged.prove(by: scene.prometheus, queries: queries) {
            // A new segment contains nothing that could be lost.
            let lost = #"backplane_relay_lost_envelopes_total{cause="segment_removed"}"#
            try await eventually("an envelope is lost") {
                for file in try CaptureFiles.paths(in: scene.recordDirectory) { unlink(file) }
                return try await scene.relay.metric(lost) > 0 ? true : nil
            }
        }
    }

    private func faultsOfServers(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let target = InjectedFault(
            name: "forward target killed", alerts: [.init(name: "BackplaneForwardDown")],
            changes: [.init(dashboard: "relay", panel: "Forward target")])
        try await target.prove(by: scene.prometheus, queries: queries) { await scene.forwardTarget.stop() }

        let redis = InjectedFault(
            name: "Redis killed",
            alerts: [
                .init(name: "BackplaneDown", labels: ["channel": WatchedBackplane.busy]),
                .init(name: "BackplaneHubDown"), .init(name: "BackplaneCheckFailing"),
            ],
            changes: [
                .init(dashboard: "relay", panel: "Subscribed", direction: .falls),
                .init(dashboard: "backplane", panel: "Which part, since when", letter: "A"),
                // Without the permission to list clients.
                .init(dashboard: "backplane", panel: "Subscribers", direction: .vanishes),
                .init(dashboard: "backplane", panel: "Which part, since when", letter: "M"),
                .init(dashboard: "backplane", panel: "Which part, since when", letter: "N"),
                .init(dashboard: "hub-and-probe", panel: "Nodes up", direction: .falls),
                .init(dashboard: "hub-and-probe", panel: "What is healthy, since when", letter: "A"),
                .init(dashboard: "hub-and-probe", panel: "What is healthy, since when", letter: "C"),
                .init(dashboard: "hub-and-probe", panel: "End to end", direction: .falls),
            ])
        try await redis.prove(by: scene.prometheus, queries: queries) { await scene.redis.stop() }
    }

    private func deaths(_ scene: WatchedBackplane, _ queries: [PanelQuery]) async throws {
        let relay = InjectedFault(
            name: "relay killed", alerts: [.init(name: "BackplaneRelayAbsent")],
            changes: [
                .init(dashboard: "backplane", panel: "Which part, since when", letter: "B"),
                // The panel then shows "NOT MONITORED".
                .init(dashboard: "backplane", panel: "Verdict", direction: .vanishes),
                .init(dashboard: "relay", panel: "Subscribed", direction: .vanishes),
            ])
        try await relay.prove(by: scene.prometheus, queries: queries) { await scene.relay.child.terminate() }

        let others = InjectedFault(
            name: "hub node and probe killed",
            alerts: [.init(name: "BackplaneHubAbsent"), .init(name: "BackplaneCheckStale")],
            changes: [
                .init(dashboard: "hub-and-probe", panel: "Nodes up", direction: .vanishes),
                .init(dashboard: "hub-and-probe", panel: "End to end", direction: .vanishes),
            ])
        try await others.prove(by: scene.prometheus, queries: queries) {
            await scene.hub.terminate()
            await scene.probe.terminate()
        }
    }
}
