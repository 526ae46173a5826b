import Backplane
import Testing

/// Hub messages in both protocols, in every form that a client accepts.
@Suite struct CoreFrameTests {
    struct Message: Equatable {
        var type: CoreMessageType?
        var id: String?
        var target: String?
        var arguments: String?
        var streamIDs: [String] = []
        var headers: [String] = []
        var value: String?
        var error: String?

        init(
            _ type: CoreMessageType?, id: String? = nil, target: String? = nil, arguments: String? = nil,
            streamIDs: [String] = [], headers: [String] = [], value: String? = nil, error: String? = nil
        ) {
            (self.type, self.id, self.target, self.arguments, self.value) = (type, id, target, arguments, value)
            (self.streamIDs, self.headers, self.error) = (streamIDs, headers, error)
        }

        init(_ message: CoreHubMessage) {
            func text(_ value: CoreValue) -> String { String(decoding: value.json(), as: UTF8.self) }
            type = message.type
            id = message.invocationID?.text
            target = message.target?.text
            arguments = message.arguments.map { String(decoding: $0.json(), as: UTF8.self) }
            streamIDs = message.streamIDTexts
            headers = message.headerTexts.map { "\($0.name)=\($0.value)" }
            value = message.value.map { text(message.value($0)) }
            error = message.error?.text
        }
    }

    @Test(arguments: [
        (#"{"type":1,"target":"Add","arguments":[40,2]}"#, Message(.invocation, target: "Add", arguments: "[40,2]")),
        (
            #" { "zzz" : {"type":9} , "arguments" : [ ] , "target" : "A\u0064d" , "invocationId" : null , "type" : 1 } "#,
            Message(.invocation, target: "Add", arguments: "[ ]")
        ),
        (
            #"{"type":1,"invocationId":"7","target":"A","arguments":[{"type":3}],"streamIds":["s","\n"],"headers":{"a":"b"}}"#,
            Message(
                .invocation, id: "7", target: "A", arguments: #"[{"type":3}]"#, streamIDs: ["s", "\n"], headers: ["a=b"]
            )
        ),
        (#"{"t\u0079pe":1,"target":"A","arguments":[]}"#, Message(.invocation, target: "A", arguments: "[]")),
        (#"{"type":2,"type":6}"#, Message(.ping)),
        (#"{"type":2,"invocationId":"9","item":[0]}"#, Message(.streamItem, id: "9", value: "[0]")),
        (#"{"type":3,"invocationId":"9","result":null}"#, Message(.completion, id: "9", value: "null")),
        (#"{"type":3,"invocationId":"9","error":"\"no\""}"#, Message(.completion, id: "9", error: "\"no\"")),
        (#"{"type":3,"invocationId":"9"}"#, Message(.completion, id: "9")),
        (
            #"{"type":4,"invocationId":"1","target":"C","arguments":[3]}"#,
            Message(.streamInvocation, id: "1", target: "C", arguments: "[3]")
        ),
        (#"{"type":5,"invocationId":"14"}"#, Message(.cancelInvocation, id: "14")), (#"{"type":6}"#, Message(.ping)),
        (#"{"type":7,"error":"x","allowReconnect":true}"#, Message(.close, error: "x")),
        (#"{"type":8,"sequenceId":2}"#, Message(.ack)), (#"{"type":9,"sequenceId":2}"#, Message(.sequence)),
        (#"{"type":77}"#, Message(nil)), (#"{"type":300}"#, Message(nil)),
    ])
    func aJSONMessageIsRead(json: String, message: Message) throws {
        #expect(try read(Array((json + "\u{1E}").utf8), .json) == [message])
    }

    @Test(
        arguments: [
            ("0d960180a131a3416464922802 90", Message(.invocation, id: "1", target: "Add", arguments: "[40,2]")),
            ("0a 95 01 80 c0 a3416464 91 28", Message(.invocation, target: "Add", arguments: "[40]")),
            (
                "17 97 01 81a161a162 c0 a3416464 91 28 92a173a174 93010203",
                Message(.invocation, target: "Add", arguments: "[40]", streamIDs: ["s", "t"], headers: ["a=b"])
            ),
            ("06 94 02 80 a139 00", Message(.streamItem, id: "9", value: "0")),
            ("07 95 03 80 a131 03 2a", Message(.completion, id: "1", value: "42")),
            ("06 94 03 80 a131 02", Message(.completion, id: "1")),
            ("09 95 03 80 a131 01 a26e6f", Message(.completion, id: "1", error: "no")),
            ("0a 96 04 80 a131 a143 9103 90", Message(.streamInvocation, id: "1", target: "C", arguments: "[3]")),
            ("05 93 05 80 a131", Message(.cancelInvocation, id: "1")), ("02 91 06", Message(.ping)),
            ("04 93 07 c0 c3", Message(.close)), ("03 92 08 02", Message(.ack)), ("03 92 09 02", Message(.sequence)),
            ("02 91 4d", Message(nil)), ("05 94 cd 0100 00", nil), ("04 91 cd 0100", Message(nil)),
            ("8280808000 91 06", Message(.ping)),
        ] as [(String, Message?)])
    func aMessagePackMessageIsRead(hex: String, message: Message?) throws {
        let frame = unfolded(hex.replacing(" ", with: ""))
        guard let message else {
            #expect(throws: CoreError.self) { try read(frame, .messagePack) }
            return
        }
        #expect(try read(frame, .messagePack) == [message])
    }

    @Test func aFrameMayContainSeveralMessages() throws {
        #expect(
            try read(Array("{\"type\":6}\u{1E}{\"type\":7}\u{1E}".utf8), .json) == [Message(.ping), Message(.close)])
        #expect(
            try read(unfolded("0291060493 07c0c3".replacing(" ", with: "")), .messagePack) == [
                Message(.ping), Message(.close),
            ])
        #expect(try read([], .json).isEmpty && read([], .messagePack).isEmpty)
    }

    @Test(arguments: [
        ("{}", CoreError.Reason.missingField, 0), ("{\"type\":1}", .missingField, 0), ("", .unterminated, -1),
        ("{\"type\":1,\"target\":\"A\"}", .missingField, 0),
        ("{\"type\":1,\"target\":null,\"arguments\":[]}", .missingField, 0),
        ("{\"type\":\"1\"}", .wrongType, 8), ("{\"type\":1.5}", .outOfRange, 8), ("{\"type\":-1}", .outOfRange, 8),
        ("{\"type\":12345678901}", .outOfRange, 8), ("{\"type\":1,\"target\":7}", .wrongType, 19),
        ("{\"arguments\":{}}", .wrongType, 13), ("{\"streamIds\":7}", .wrongType, 13),
        ("{\"headers\":[]}", .wrongType, 11),
        ("{\"error\":{}}", .wrongType, 9), ("{\"type\":3}", .missingField, 0),
        ("{\"type\":2,\"invocationId\":\"1\"}", .missingField, 0),
        ("{\"type\":4,\"target\":\"A\",\"arguments\":[]}", .missingField, 0), ("[]", .notJSON, 0),
        ("{\"type\":6", .notJSON, 9),
        ("{\"type\":6}x", .unterminated, 10), ("{\"type\":6,}", .notJSON, 10), ("{bad", .notJSON, 1),
    ])
    func aMalformedJSONMessageIsAnErrorWithItsPlace(json: String, reason: CoreError.Reason, offset: Int) {
        guard offset >= 0 else {
            return #expect(failure(Array("{\"type\":6}".utf8), .json) == CoreError(.unterminated, at: 10))
        }
        #expect(failure(Array((json + "\u{1E}").utf8), .json) == CoreError(reason, at: offset))
    }

    @Test(arguments: [
        ("00", CoreError.Reason.truncated, 1), ("0190", .tooFewItems, 1), ("0180", .wrongType, 1),
        ("0291a0", .wrongType, 2),
        ("80", .truncated, 1), ("8080808080", .badFrameLength, 0), ("ffffffff0f", .badFrameLength, 0),
        ("ffffffff07", .lengthBeyondPayload, 0), ("029106ff", .truncated, 4), ("0391", .lengthBeyondPayload, 0),
        ("049301 80c0", .tooFewItems, 1), ("0695018005a09001", .wrongType, 4), ("0795010080c0a14190", .wrongType, 3),
        ("07950180c0c09090", .wrongType, 5), ("07950180c0a14180", .wrongType, 7), ("05940380c003", .tooFewItems, 1),
        ("0794 0380a13104", .lengthBeyondPayload, 0), ("06940380a13104", .outOfRange, 6),
        ("06940380a13103", .tooFewItems, 1),
        ("0594 0380c002", .missingField, 0), ("0795018 181c0", .lengthBeyondPayload, 0),
    ])
    func aMalformedMessagePackMessageIsAnErrorWithItsPlace(hex: String, reason: CoreError.Reason, offset: Int) {
        #expect(
            failure(unfolded(hex.replacing(" ", with: "")), .messagePack) == CoreError(reason, at: offset), "\(hex)")
    }

    /// The offset counts from the start of the payload, not of the frame.
    @Test func anErrorInAFrameHasItsOffsetInThePayload() {
        let frames: [CoreInvocation.Frame] = [
            .init(protocolName: "json", bytes: Array("{\"type\":\"1\"}\u{1E}".utf8))
        ]
        #expect(coreWalk(CoreInvocation(frames: frames).encoded(), .all) == .failure(CoreError(.wrongType, at: 10 + 8)))
        let packed: [CoreInvocation.Frame] = [.init(protocolName: "messagepack", bytes: [2, 0x91, 0xA0])]
        #expect(coreWalk(CoreInvocation(frames: packed).encoded(), .all) == .failure(CoreError(.wrongType, at: 17 + 2)))
    }

    @Test func messagePackValuesAreShownAsJSON() throws {
        let time = MessagePackValue.timestamp(.init(seconds: 1_704_164_645, nanoseconds: 500_000_000))
        let rows: [(MessagePackValue, String)] = [
            (.nil, "null"), (.bool(true), "true"), (.int(-5), "-5"), (.uint(.max), "18446744073709551615"),
            (.float(1.1), "1.1"), (.double(0.1), "0.1"), (.double(.nan), #""NaN""#),
            (.double(-.infinity), #""-Infinity""#),
            (.string("a\"ü\n"), #""a\"ü\n""#), (.string([0xFF]), "\"\u{FFFD}\""), (.binary([0, 1, 0xFF]), #""AAH/""#),
            (.binary([0]), #""AA==""#), (.binary([0, 1]), #""AAE=""#), (time, #""2024-01-02T03:04:05.5Z""#),
            (.ext(type: -1, data: [1]), #"{"ext":-1,"base64":"AQ=="}"#),
            (.ext(type: 5, data: [0, 1, 2]), #"{"ext":5,"base64":"AAEC"}"#),
            (.ext(type: 99, data: [1, 2, 3]), #"{"ext":99,"compressed":"lz4","bytes":6}"#),
            (
                .array([.ext(type: 98, data: [1]), .binary([1, 2])]),
                #"{"ext":98,"compressed":"lz4","bytes":8}"#
            ),
            (
                .map([
                    .init(.string("a"), .int(1)), .init(.int(2), .array([])), .init(.nil, .nil),
                    .init(.array([.int(1)]), .map([])),
                ]), #"{"a":1,"2":[],"null":null,"kQE=":{}}"#
            ),
        ]
        for (value, json) in rows { #expect(shown(value) == json) }
        #expect(shown(deep(64)) == String(repeating: "[", count: 64) + String(repeating: "]", count: 64))
        #expect(shown(deep(65)) == "\"too_deep\"")
    }

    private func deep(_ depth: Int) -> MessagePackValue {
        (1..<depth).reduce(.array([])) { value, _ in .array([value]) }
    }

    private func shown(_ value: MessagePackValue) -> String {
        let bytes = value.encoded()
        return bytes.withUnsafeBytes {
            String(decoding: CoreValue(payload: $0, format: .messagePack, range: 0..<bytes.count).json(), as: UTF8.self)
        }
    }

    private func read(_ frame: [UInt8], _ format: CoreFormat) throws -> [Message] {
        try frame.withUnsafeBytes { bytes in
            var walk = CoreHubMessageWalk(bytes, format)
            var messages: [Message] = []
            while let message = try walk.next() { messages.append(Message(message)) }
            return messages
        }
    }

    private func failure(_ frame: [UInt8], _ format: CoreFormat) -> CoreError? {
        do {
            _ = try read(frame, format)
            return nil
        } catch {
            return error as? CoreError
        }
    }
}
