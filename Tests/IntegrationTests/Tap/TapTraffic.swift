import Backplane
import Capture
import Redis
import TestSupport

/// What tests of the replication tap publish on both backplanes, and find in a capture.
struct TapTraffic {
    static let hub = CoreHub(type: "ChatHub")
    static let isCarrying = "backplane_relay_tap_up"
    static let isUp = #"signalr_backplane_up{channel="chat",backplane="signalr2"}"#
    static let received = "signalr_backplane_envelopes_total"
    private static let channel = #"{channel="chat",backplane="signalr2"}"#
    static let hubChannel = #"{channel="ChatHub",backplane="core"}"#

    /// Payloads published until now, of the event key and of the hub.
    private(set) var keyed: [[UInt8]] = []
    private(set) var hubs: [[UInt8]] = []

    /// One message on each backplane, `count` times; every other one of the hub is like the one before.
    ///
    /// - Returns: what Redis answered to the last PUBLISH on the event key.
    @discardableResult
    mutating func publish(_ count: Int, _ client: RedisClient) async throws -> Int? {
        var receivers: Int64?
        for _ in 0..<count {
            let message = Message(source: "c", key: "h-x", value: Array(#"{"H":"x","M":"y","A":[]}"#.utf8))
            let body = ScaleoutMessage(messages: [message], createdTicks: 639_309_800_000_000_000)
            let published = try await client.publishNext("chat") { Envelope(id: $0, body: body).encoded() }
            receivers = published.receivers
            keyed.append(published.payload)
            let invocation = try await Self.publish(argument: hubs.count / 2, client)
            hubs.append(invocation)
        }
        return receivers.map { Int($0) }
    }

    /// To the hub.
    ///
    /// - Returns: the payload.
    @discardableResult
    static func publish(argument: Int, _ client: RedisClient) async throws -> [UInt8] {
        let text = #"{"type":1,"target":"say","arguments":[\#(argument)]}\#u{1E}"#
        let frame = CoreInvocation.Frame(protocolName: "json", bytes: Array(text.utf8))
        let invocation = CorePayload.invocation(CoreInvocation(excluded: [], frames: [frame])).encoded()
        try await client.send(["PUBLISH", .bytes(hub.channel(.all, [])), .bytes(invocation)])
        return invocation
    }

    static func waitUntilCarrying(_ relay: RelayProcess, within limit: Duration = .seconds(40)) async throws {
        try await relay.waitForMetrics("the replication stream carries the channels", within: limit) {
            $0[isCarrying] == 1 && $0[isUp] == 1
        }
    }

    /// Waits until the relay has received as many as were published.
    func waitUntilReceived(_ relay: RelayProcess, missing: Int = 0) async throws {
        try await relay.waitForMetrics("\(keyed.count) envelopes of each, but \(missing)", within: .seconds(40)) {
            $0[Self.received + Self.channel] == Double(keyed.count - missing)
                && $0[Self.received + Self.hubChannel] == Double(hubs.count - missing)
        }
    }

    /// What a capture holds.
    struct Recorded {
        var keyed: [[UInt8]] = []
        var hubs: [[UInt8]] = []
        var events: [CaptureEvent] = []

        /// - Parameter directory: of the capture.
        init(_ directory: String) throws {
            try CaptureReader(paths: [directory]).forEach { item in
                switch item {
                case .envelope(let envelope) where envelope.channel == "chat": keyed.append(Array(envelope.payload))
                case .envelope(let envelope): hubs.append(Array(try CoreRecord(envelope.payload).payload))
                case .event(let event, _): events.append(event)
                }
            }
        }

        func named(_ name: String) -> [CaptureEvent] { events.filter { $0.event == name } }
    }
}
