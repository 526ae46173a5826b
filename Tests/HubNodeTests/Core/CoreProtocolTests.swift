import Backplane
import Testing

@testable import HubNode

@Suite("Client protocol of ASP.NET Core")
struct CoreProtocolTests {
    // MARK: - Negotiation

    private static let negotiations: [(version: String?, stateful: String?, negotiated: String?)] = [
        (nil, nil, "0 false"), ("0", "true", "0 true"),
        ("1", "false", "1 false"), ("2", nil, "1 false"),
        ("1", "TRUE", "1 true"), ("x", nil, nil), ("-1", nil, nil), ("99999999999", nil, nil),
        ("1.0", nil, nil),
    ]

    @Test("versions are negotiated down to 1", arguments: negotiations.indices)
    func negotiation(index: Int) throws {
        let (version, stateful, expected) = Self.negotiations[index]
        let negotiated = try? CoreNegotiation(
            version: version, wantsStatefulReconnect: stateful, allowsStatefulReconnect: true)
        #expect(negotiated.map { "\($0.version) \($0.usesStatefulReconnect)" } == expected)
    }

    @Test("an invalid version is reported like on a real node")
    func refused() {
        #expect(
            throws: CoreNegotiation.Refusal(error: "The client requested an invalid protocol version 'x\"'")
        ) {
            _ = try CoreNegotiation(version: "x\"", wantsStatefulReconnect: nil, allowsStatefulReconnect: false)
        }
        #expect(CoreNegotiation.Refusal(error: "x\"").json == #"{"error":"x\""}"#)
    }

    @Test("ids are 22 characters without escapes, and unique")
    func ids() {
        let ids = (0..<1_000).map { _ in CoreConnectionID.random() }
        #expect(Set(ids).count == 1_000)
        for id in ids {
            #expect(CoreConnectionID.isOne(id) && id.wholeMatch(of: #/[A-Za-z0-9_-]+/#) != nil)
        }
    }

    // MARK: - Handshake

    private static let handshakes: [(message: String, error: String)] = [
        (#"{"protocol":"JSON","version":1}"#, ""), (#"{"version":2,"x":[],"protocol":"messagepack"}"#, ""),
        (#"{"protocol":"messagepack","version":0}"#, ""),
        (#"{"protocol":"json","version":3}"#, "The server does not support version 3 of the 'json' protocol."),
        (#"{"protocol":"blazorpack","version":1}"#, "The protocol 'blazorpack' is not supported."),
        (
            #"{"version":1}"#,
            "InvalidDataException: Missing required property 'protocol'. Message content: {\"version\":1}"
        ),
        (#"{"protocol":1,"version":1}"#, "InvalidDataException: Expected 'protocol' to be of type String."),
        (#"{"protocol":"json","version":"1"}"#, "InvalidDataException: Expected 'version' to be of type Number."),
        ("[]", "InvalidDataException: Unexpected JSON Token Type 'StartArray'. Expected a JSON Object."),
        (
            "  x",
            "JsonReaderException: 'x' is an invalid start of a value. LineNumber: 0 | BytePositionInLine: 2."
        ), ("{bad", "InvalidDataException: Error reading JSON."),
    ]

    @Test("valid and invalid handshakes", arguments: handshakes.indices)
    func handshake(index: Int) {
        let (message, error) = Self.handshakes[index]
        for detailed in [true, false] {
            do throws(CoreHandshake.Refusal) {
                let handshake = try CoreHandshake(Array(message.utf8), detailed: detailed)
                #expect(error == "" && handshake.format == (index == 0 ? .json : .messagePack))
            } catch {
                let isMalformed = Self.handshakes[index].error.contains("Exception: ")
                let text = "An unexpected error occurred during connection handshake."
                let expected = Self.handshakes[index].error
                #expect(error.error == (!isMalformed ? expected : detailed ? "\(text) \(expected)" : text))
            }
        }
    }

    // MARK: - Messages

    private static let item = HubArgument(json: Array("[1,\"a\"]".utf8))
    private static let served: [(message: CoreServerMessage, json: String, packed: [UInt8])] = [
        (.ping, #"{"type":6}"#, [0x02, 0x91, 0x06]),
        (.close(error: nil, allowReconnect: false), #"{"type":7}"#, [0x04, 0x93, 0x07, 0xC0, 0xC2]),
        (
            .close(error: "e", allowReconnect: true), #"{"type":7,"error":"e","allowReconnect":true}"#,
            [0x05, 0x93, 0x07, 0xA1, 0x65, 0xC3]
        ),
        (.ack(2), #"{"type":8,"sequenceId":2}"#, [0x03, 0x92, 0x08, 0x02]),
        (.sequence(300), #"{"type":9,"sequenceId":300}"#, [0x05, 0x92, 0x09, 0xCD, 0x01, 0x2C]),
        (
            .invocation(id: nil, target: "T", arguments: [item]),
            #"{"type":1,"target":"T","arguments":[[1,"a"]]}"#,
            [0x0C, 0x96, 0x01, 0x80, 0xC0, 0xA1, 0x54, 0x91, 0x92, 0x01, 0xA1, 0x61, 0x90]
        ),
        (.completion(id: "1", .void), #"{"type":3,"invocationId":"1"}"#, [0x06, 0x94, 0x03, 0x80, 0xA1, 0x31, 0x02]),
    ]

    @Test("messages to clients, in both protocols", arguments: served.indices)
    func serverMessage(index: Int) {
        let (message, json, packed) = Self.served[index]
        #expect(String(decoding: message.encoded(.json), as: UTF8.self) == json + "\u{1E}")
        #expect(message.encoded(.messagePack) == packed)
    }

    private static let sent: [(json: String, message: CoreClientMessage?)] = [
        (#"{"type":6}"#, .ping), (#"{"type":7,"error":"e"}"#, .close(error: "e")),
        (#"{"type":77,"x":1}"#, .unknown(type: 77)),
        (#"{"sequenceId":5,"type":8}"#, .ack(5)), (#"{"type":9,"sequenceId":1}"#, .sequence(1)),
        (#"{"type":8}"#, nil), (#"{"type":8,"sequenceId":-1}"#, nil),
        (#"{"type":5,"invocationId":"a"}"#, .cancelInvocation(id: "a")),
        (#"{"type":5}"#, nil), (#"{"type":3,"invocationId":"a"}"#, .completion(id: "a", .void)),
        (#"{"type":3,"invocationId":"a","error":"e"}"#, .completion(id: "a", .error("e"))),
        (#"{"type":2,"invocationId":"a","item":[1,"a"]}"#, .streamItem(id: "a", item)),
        (#"{"type":1,"target":"T"}"#, nil),
        ("{bad", nil), ("[]", nil), ("", nil),
        (
            #"{"arguments":[[1,"a"]],"type":4,"streamIds":["s"],"invocationId":"i","target":"T"}"#,
            .invocation(
                .init(id: "i", target: "T", arguments: [item], streamIDs: ["s"], isStream: true, size: 83))
        ),
    ]

    @Test("valid and invalid messages from clients", arguments: sent.indices)
    func clientMessage(index: Int) {
        let (json, message) = Self.sent[index]
        #expect((try? CoreClientMessage(Array("\(json)\u{1E}".utf8), .json)) == message)
    }

    @Test("binary MessagePack values stay binary, and are Base64 for a hub method")
    func bytes() throws {
        let message: [UInt8] = [0x0A, 0x94, 0x02, 0x80, 0xA1, 0x73, 0xC4, 0x02, 0x01, 0xFF]
        guard case .streamItem(_, let item) = try CoreClientMessage([0x09] + message.dropFirst(), .messagePack) else {
            Issue.record("no message")
            return
        }
        #expect(String(decoding: item.json, as: UTF8.self) == #""Af8=""#)
        let packed = try HubArgument(JSONValue(item)).packed
        #expect(packed == [0xC4, 0x02, 0x01, 0xFF])
    }

    private static let strict: [(json: String, isInt: Bool, isText: Bool, isBool: Bool)] = [
        ("1", true, false, false), (#""1""#, false, true, false), ("true", false, false, true),
        ("1.5", false, false, false),
        ("[]", false, false, false), ("", false, false, false),
    ]

    @Test("an argument must have the parameter's own JSON type", arguments: strict.indices)
    func strictValue(index: Int) {
        let (json, isInt, isText, isBool) = Self.strict[index]
        func fits<Value: HubValue>(_ type: Value.Type) -> Bool {
            var arguments = HubArguments([HubArgument(json: Array(json.utf8))], isStrict: true)
            return (try? arguments.next(type)) != nil
        }
        #expect(fits(Int.self) == isInt && fits(String.self) == isText && fits(Bool.self) == isBool)
    }
}
