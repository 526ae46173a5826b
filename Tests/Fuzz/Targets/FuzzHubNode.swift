import Backplane
import FuzzSupport
import HTTPTypes
import JSON
import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import NIOWebSocket
import Redis

@testable import HubNode

/// Data from a client of a hub node; the first byte decides: a request's fields, tokens and cursors, calls of hub
/// methods, or the frames of a webSocket with envelopes in between.
@main
enum FuzzHubNode {
    static let id = "4c77950c-306b-4ff7-aa03-ae6f7a207708"
    static let executor = QueueExecutor()
    static let metrics = HubMetrics(version: "fuzz")
    static let silent = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
    static let dispatcher = HubDispatcher(hubs: [.chat], detailedErrors: true, metrics: metrics, logger: silent)
    static let sealer = TokenSealer(
        key: TokenKey(secret: Array("a secret of the fuzzer, 32 bytes or more".utf8)) ?? .random())
    static let gate = RequestGate(path: "/signalr", sealer: sealer, dispatcher: dispatcher)
    static let connectionToken = sealer.connectionToken(connectionID: id, user: "alice")
    static let groupsToken = sealer.groupsToken(connectionID: id, groups: ["chatHub.room", "chatHub.größer"])

    static func main() {
        Fuzzer.run { start, count in
            var input = InputReader(start, count)
            let kind = input.byte()
            switch kind % 4 {
            case 0: FuzzHubNode.checkRequest(input.rest())
            case 1: FuzzHubNode.checkTexts(String(decoding: input.rest(), as: UTF8.self), as: kind / 4)
            case 2: FuzzHubNode.checkCall(Array(input.rest()))
            default: WebSocketRun.run(&input)
            }
            return 0
        }
    }

    // MARK: - Requests

    /// A target `path?query`, then a line end and a form. `@T` and `@G` stand for valid tokens.
    private static func checkRequest(_ bytes: UnsafeRawBufferPointer) {
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.utf8.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
        let parts = lines.map { withTokens(String(decoding: $0, as: UTF8.self)) }
        let (path, fields) = FormFields.split(uri: parts[0])
        let form = FormFields(parts.count > 1 ? parts[1] : "")
        let endpoint = gate.endpoint(of: path)
        if case .success(let hubs) = gate.hubs(fields, form: form) {
            Fuzzer.check(hubs.allSatisfy { $0 == "chatHub" } && hubs.count < 2, "hubs \(hubs)")
        }
        guard case .success(let request) = gate.sessionRequest(endpoint ?? .poll, fields: fields, form: form) else {
            return
        }
        Fuzzer.check(request.connectionID == id && request.user == "alice", "a token was made up: \(request)")
        Fuzzer.check(
            request.groups.isEmpty || request.groups == ["chatHub.room", "chatHub.größer"],
            "groups were made up: \(request.groups)")
        Fuzzer.check(endpoint != .connect || request.cursor == nil, "a new connection has a cursor")
        Fuzzer.check(request.signals.count <= 4, "\(request.signals)")
    }

    private static func withTokens(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "@")) else { return text }
        var result = ""
        var rest = text.utf8[...]
        while let mark = rest.firstIndex(of: UInt8(ascii: "@")) {
            result += String(decoding: rest[..<mark], as: UTF8.self)
            rest = rest[rest.index(after: mark)...]
            switch rest.first {
            case UInt8(ascii: "T"): result += encoded(connectionToken)
            case UInt8(ascii: "G"): result += encoded(groupsToken)
            default: result += "@"
            }
            if let first = rest.first, first == UInt8(ascii: "T") || first == UInt8(ascii: "G") { rest.removeFirst() }
            if result.utf8.count > 1 << 16 { break }
        }
        return result + String(decoding: rest, as: UTF8.self)
    }

    private static func encoded(_ token: String) -> String {
        token.split(separator: "+", omittingEmptySubsequences: false).joined(separator: "%2B")
    }

    // MARK: - Texts

    /// - Parameter use: the purpose of the text; sealing is slow, so not all at once.
    private static func checkTexts(_ text: String, as use: UInt8) {
        switch use % 4 {
        case 0:
            if let cursor = Cursor.parse(text) {
                Fuzzer.check(Cursor.parse(Cursor.text(cursor)) == cursor, "cursor \(text)")
            }
            let group = GroupKey(named: text)
            Fuzzer.check(GroupKey("hg-" + text).map { same($0.name, group.name) } ?? true, "group \(text)")
            Fuzzer.check(JSONText.string(text.json()).map { same($0, text) } == true, "\(text) as JSON")
            Fuzzer.check(JSONText.isJSON(HubResponse.error(text, id: text)), "the answer to \(text)")
            let negotiation = Negotiation(
                path: "/signalr", connectionToken: text, connectionID: id, clientProtocol: text, timing: HubNodeTiming()
            )
            Fuzzer.check(JSONText.isJSON(Array(negotiation.json.utf8)), negotiation.json)
        case 1:
            if let opened = sealer.openConnectionToken(text) {
                Fuzzer.check(opened == (id, "alice"), "a token was made up: \(opened)")
            }
            _ = sealer.openGroupsToken(text, connectionID: id)
        case 2:
            let token = sealer.connectionToken(connectionID: id, user: text)
            Fuzzer.check(
                sealer.openConnectionToken(token).map { $0.connectionID == id && same($0.user, text) } == true,
                "user \(text)")
            Fuzzer.check(sealer.openGroupsToken(token, connectionID: id).isEmpty, "a token of another kind was taken")
        default:
            let groups = sealer.groupsToken(connectionID: id, groups: [text])
            Fuzzer.check(
                sealer.openGroupsToken(groups, connectionID: id).first.map { same($0, text) } == true, "group \(text)")
        }
    }

    private static func same(_ first: String, _ second: String) -> Bool { first.utf8.elementsEqual(second.utf8) }

    // MARK: - Calls

    private static let configuration: HubNodeConfiguration = {
        var configuration = HubNodeConfiguration(
            redis: RedisConfiguration(host: "redis.invalid"), channel: "chat", name: "fuzz")
        configuration.limits.outboundMessages = 8
        configuration.limits.storedEnvelopes = 16
        return configuration
    }()

    static func broker() -> MessageBroker {
        MessageBroker(
            publisher: publisher, configuration: configuration, metrics: metrics, observer: nil, executor: executor,
            logger: silent)
    }

    private static let publisher = SignalR2Publisher(
        bus: RedisMessageBus(
            redis: configuration.redis, channel: configuration.channel, limits: HubNodeLimits(bufferedSends: 0),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, executor: executor, logger: silent),
        acknowledgementTime: configuration.timing.acknowledgement, metrics: metrics, observer: nil, executor: executor,
        logger: silent)

    static let calls = HubCalls(
        dispatcher: dispatcher, signalR2: publisher, core: CoreHubs([], metrics: metrics), executor: executor)

    static let request = SessionRequest(
        purpose: .resume, connectionID: id, user: "alice", hubs: ["chatHub"], transport: .webSockets, cursor: nil,
        groups: ["chatHub.room"])

    private static func checkCall(_ json: [UInt8]) {
        guard let call = HubRequest(decoding: json) else { return }
        // Joining and leaving would start on a thread of the Swift runtime, and the fuzzer would have to wait for it.
        guard !call.method.lowercased().hasSuffix("group") || call.arguments.count > 1 else { return }
        // A thousand progress reports are a thousand failing publications.
        nonisolated(unsafe) var answers = 0  // Single-threaded: `drain` runs everything.
        calls.assumeIsolated { calls in
            calls.answer(call, of: request) { answer in
                answers += 1
                guard let answer else { return }
                Fuzzer.check(JSONText.isJSON(answer), "answered \(String(decoding: answer, as: UTF8.self))")
            }
        }
        executor.drain()
        Fuzzer.check(answers == 1, "\(answers) answers to \(String(decoding: json, as: UTF8.self))")
    }
}
