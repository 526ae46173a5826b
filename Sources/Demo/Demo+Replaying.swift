import Backplane
import Capture
import HubNode
import Loopback
import NIOCore
import NIOPosix
import Redis
package import Replay
import SignalRClient

/// The replay into the second Redis, and its proof.
extension Demo {
    func replay(
        _ live: Live, into target: RedisConfiguration, network: SignalRNetwork
    ) async throws -> DemoOutcome {
        let capture = try CaptureReader(paths: [directory])
        var differences: [String] = []
        var (recorded, coreRecorded): ([[UInt8]], [[UInt8]]) = ([], [])
        let read = try capture.forEach { item in
            guard case .envelope(let envelope) = item else { return }
            if envelope.form.dialect == .signalR2 {
                recorded.append(Array(envelope.payload))
            } else {
                coreRecorded.append(Array(envelope.payload))
            }
        }
        for damage in read.damage { differences.append("damage in the capture: \(damage)") }
        differences += Comparison.differences(
            expected: live.published.map { .payload($0) }, actual: recorded.map { .payload($0) },
            what: "recorded")
        differences += Comparison.differences(
            expected: live.corePublished.map { .payload($0) }, actual: coreRecorded.map { .payload($0) },
            what: "recorded of ASP.NET Core")
        report(
            "recorded      \(Quantity.grouped(recorded.count)) of \(Quantity.text(live.published.count, "published envelope")) of SignalR 2, "
                + "\(Quantity.grouped(coreRecorded.count)) of \(Quantity.grouped(live.corePublished.count)) of ASP.NET Core"
        )
        differences += Comparison.differences(
            expected: Witness.expected(of: live.published), actual: live.heard,
            what: "the client at the first Redis")
        differences += Comparison.differences(
            expected: Witness.expected(ofCore: live.corePublished), actual: live.coreHeard,
            what: "the client of ASP.NET Core at the first Redis")

        let replayed = try await replay(capture, live, into: target, network: network)
        differences += Comparison.differences(
            expected: live.published.map { .content($0) }, actual: replayed.received.map { .content($0) },
            what: "replayed")
        differences += Comparison.differences(
            expected: live.corePublished.map { .payload($0) },
            actual: replayed.coreReceived.map { .payload($0) },
            what: "replayed of ASP.NET Core")
        let replay = replayed.report
        let pace = replay.drift.map { "with a drift of \(percent($0))" } ?? "at full speed"
        report("replayed      \(Quantity.text(replay.sent, "envelope")) \(pace) into the second Redis")
        for (heard, expected, who) in [
            (replayed.heard, live.heard, "SignalR 2"),
            (replayed.coreHeard, live.coreHeard, "ASP.NET Core"),
        ] {
            report(
                "received      \(Quantity.text(expected.count, "call")) by a client of \(who) at the first Redis, "
                    + "\(heard.map { Quantity.grouped($0.calls.count) }.joined(separator: ", ")) by clients of two nodes at the second"
            )
            for (title, calls) in heard {
                differences += Comparison.differences(
                    expected: expected, actual: calls,
                    what: "the client of \(who) at the second Redis over \(title)")
            }
        }

        let segments = capture.segments
        return DemoOutcome(
            published: live.published.count, recorded: recorded.count,
            corePublished: live.corePublished.count,
            coreRecorded: coreRecorded.count, heard: replayed.heard.first?.calls.count ?? 0,
            coreHeard: replayed.coreHeard.first?.calls.count ?? 0, replay: replay,
            segments: segments.map(\.path), segmentBytes: segments.reduce(0) { $0 + $1.size },
            payloadBytes: (recorded + coreRecorded).reduce(0) { $0 + $1.count }, differences: differences)
    }

    /// The outcome of a replay.
    private struct Replayed: Sendable {
        let report: ReplayReport
        let heard: [(title: String, calls: [Witness.Heard])]
        let coreHeard: [(title: String, calls: [Witness.Heard])]
        let received: [[UInt8]]
        let coreReceived: [[UInt8]]
    }

    private func replay(
        _ capture: CaptureReader, _ live: Live, into target: RedisConfiguration, network: SignalRNetwork
    ) async throws -> Replayed {
        let (listener, coreListener) = (EnvelopeCollector(), EnvelopeCollector())
        let subscriber = RedisSubscriber(
            configuration: target, channels: [Self.channel],
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, sink: listener, logger: logger)
        let coreSubscriber = coreSubscriber(of: target, into: coreListener)
        let listening = [Task { try await subscriber.run() }, Task { try await coreSubscriber.run() }]
        defer { for task in listening { task.cancel() } }
        try await listener.waitUntilSubscribed()
        try await coreListener.waitUntilSubscribed()
        let limits = Self.limits(holding: live.published + live.corePublished)
        return try await nodes(on: target, limits: limits).run(onPublished: { _, _, _ in }) { nodes in
            // Each uses a different node or transport from the previous one.
            let witnesses = zip([nodes[0], nodes[1], nodes[1]], ClientTransport.allCases).map {
                Witness(node: $0.url, transport: $1, network: network)
            }
            let coreWitnesses = Self.coreWays.enumerated().map { index, way in
                Witness(coreNode: nodes[index % nodes.count].coreURL, way, network: network)
            }
            for witness in witnesses + coreWitnesses { try await witness.enter() }
            // The witnesses' own joins are not part of the replay.
            _ = await listener.payloads(quietFor: .milliseconds(200), timeout: .seconds(5))
            listener.forget()
            let report = try await Replayer(
                capture: capture, target: target, options: ReplayOptions(speed: speed)
            ).run()
            return Replayed(
                report: report, heard: await Self.calls(of: witnesses, awaiting: live.heard.count),
                coreHeard: await Self.calls(of: coreWitnesses, awaiting: live.coreHeard.count),
                received: await listener.payloads(awaiting: live.published.count, timeout: .seconds(10)),
                coreReceived: await coreListener.payloads(
                    awaiting: live.corePublished.count, timeout: .seconds(10)))
        }
    }

    /// Limits with which a node keeps all messages of these payloads for a client that reads slowly: at full speed Redis
    /// gets the whole capture before the clients have read it, and by default a node disconnects a client for which more
    /// than 10,000 messages wait.
    static func limits(holding payloads: [[UInt8]]) -> HubNodeLimits {
        var limits = HubNodeLimits()
        limits.outboundMessages = max(limits.outboundMessages, payloads.count)
        limits.outboundBytes = max(limits.outboundBytes, payloads.reduce(0) { $0 + $1.count })
        return limits
    }

    private static func calls(
        of witnesses: [Witness], awaiting count: Int
    ) async -> [(title: String, calls: [Witness.Heard])] {
        var calls: [(String, [Witness.Heard])] = []
        for witness in witnesses {
            calls.append((witness.title, await witness.heard(awaiting: count, pause: .seconds(20))))
        }
        return calls
    }

    /// A share, such as `0.0 %`.
    private func percent(_ share: Double) -> String {
        let tenths = Int((abs(share) * 1_000).rounded())
        return "\(tenths / 10).\(tenths % 10) %"
    }
}

/// The result of a demo.
package struct DemoOutcome: Sendable {
    /// Envelopes of SignalR 2 that a separate subscriber received from the first Redis.
    package let published: Int
    /// Those in the capture.
    package let recorded: Int
    /// Envelopes of ASP.NET Core SignalR that a separate subscriber received from the first Redis.
    package let corePublished: Int
    /// Those in the capture.
    package let coreRecorded: Int
    /// Calls received by a client of SignalR 2 at the second Redis.
    package let heard: Int
    /// Calls received by a client of ASP.NET Core SignalR at the second Redis.
    package let coreHeard: Int
    /// The report on the replay into the second Redis.
    package let replay: ReplayReport
    /// Paths of the capture's segment files, which stay.
    package let segments: [String]
    /// Size of these files.
    package let segmentBytes: UInt64
    /// Payload bytes in the capture, before compression.
    package let payloadBytes: Int
    /// Each difference found, as a sentence; empty if there are none.
    package let differences: [String]

    /// True if every envelope was recorded, replayed and received unchanged.
    package var passed: Bool { differences.isEmpty }
}
