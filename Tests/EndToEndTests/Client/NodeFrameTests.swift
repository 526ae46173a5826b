import JSON
import TestSupport
import Testing

@testable import Loopback
@testable import SignalRClient

struct FrameTests {
    static let frames: [(String, NodeFrame?)] = [
        ("{}", .keepAlive),
        (#"{"C":"s-0,1E","S":1,"M":[]}"#, .messages(frame("s-0,1E") { $0.isInitial = true })),
        (#"{"C":"s-0,1F","T":1,"M":[]}"#, .messages(frame("s-0,1F") { $0.asksToReconnect = true })),
        (
            #"{"C":"s-0,20","G":"aaJ/5y+=","L":250,"M":[]}"#,
            .messages(
                frame("s-0,20") {
                    $0.groupsToken = "aaJ/5y+="
                    $0.pollDelay = 250
                })
        ),
        (
            #"{"C":"s-0,1F","M":[{"H":"chatHub","M":"broadcastMessage","A":["n","hello 日本 <&>"]},{"H":"h","M":"m"}]}"#,
            .messages(
                frame("s-0,1F") {
                    $0.messages = [
                        .invocation(hub: "chatHub", method: "broadcastMessage", arguments: ["n", "hello 日本 <&>"]),
                        .invocation(hub: "h", method: "m", arguments: []),
                    ]
                })
        ),
        (
            #"{"C":"d-1","M":[{"I":"P|4","P":{"I":"4","D":2}},"for a persistent connection",{"I":"P|5","P":{}}]}"#,
            .messages(frame("d-1") { $0.messages = [.progress(call: "4", value: 2)] })
        ),
        (#"{"I":"0"}"#, response("0", .success(nil))),
        (#"{"R":"é","I":"1"}"#, response("1", .success("é"))),
        (#"{"R":{"M":[1]},"I":7}"#, response("7", .success(["M": [1]]))),
        (#"{"I":"2","E":"plain"}"#, response("2", .failure(CallError(text: "plain")))),
        (
            #"{"I":"2","E":"x","H":true,"D":{"a":1},"T":"at y"}"#,
            response("2", .failure(CallError(text: "x", isHubException: true, data: ["a": 1], stackTrace: "at y")))
        ),
        ("[]", nil), ("1", nil), (#"{"x":1}"#, nil), ("", nil), (#"{"C":"a""#, nil),
    ]

    private static func frame(_ cursor: String, _ change: (inout MessageFrame) -> Void) -> MessageFrame {
        guard var frame = MessageFrame(["C": .string(cursor)]) else { preconditionFailure("a cursor makes a frame") }
        change(&frame)
        return frame
    }

    private static func response(_ call: String, _ outcome: Result<JSONTree, CallError>) -> NodeFrame {
        .response(CallResponse(call: call, outcome: outcome))
    }

    @Test(arguments: frames)
    func parses(text: String, expected: NodeFrame?) {
        #expect(Self.parse(Array(text.utf8)) == expected)
    }

    /// A frame cut short by a dying node must not be read as another frame.
    @Test(arguments: frames.filter { $0.1 != nil })
    func aCutFrameIsNone(text: String, _: NodeFrame?) {
        let bytes = Array(text.utf8)
        for count in 0..<bytes.count { #expect(Self.parse(Array(bytes[..<count])) == nil, "cut at \(count)") }
    }

    @Test(arguments: frames)
    func changedBytesDoNotCrash(text: String, _: NodeFrame?) {
        var random = SplitMix64.announced()
        let bytes = Array(text.utf8)
        for index in bytes.indices {
            var changed = bytes
            changed[index] = UInt8(random.next() & 0xFF)
            _ = Self.parse(changed)
        }
    }

    private static func parse(_ bytes: [UInt8]) -> NodeFrame? {
        bytes.withUnsafeBytes { try? NodeFrame(parsing: $0) }
    }
}
