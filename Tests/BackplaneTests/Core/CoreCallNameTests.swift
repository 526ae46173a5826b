import Backplane
import Testing

/// The fast path for the called method: returns the right name or nothing.
@Suite struct CoreCallNameTests {
    @Test func theFastPathFindsTheMethodOfEveryOrdinaryVector() throws {
        var seen: [String: Int] = [:]
        for vector in try CoreVector.all() {
            guard case .invocation = try CorePayload(decoding: vector.payload, as: vector.channelName().kind) else {
                continue
            }
            try vector.payload.withUnsafeBytes { bytes in
                let view = try CoreInvocationView(bytes)
                let name = CoreCallName(quickly: view)
                // If a result is requested, the invocation's id precedes the name.
                #expect((name == nil) == view.asksForResult, "\(vector.name)")
                if let name {
                    #expect(try name.method == view.message()?.target?.text)
                    seen[name.method, default: 0] += 1
                }
            }
        }
        #expect(seen == ["Recv": 54, "NoArgs": 3, "Rich": 3])
    }

    @Test(arguments: [
        (#"{"type":1,"target":"","arguments":[]}"#, ""), (#"{"type":1,"target":"T"#, nil),
        (#"{"type":1,"target":""#, nil),
        (#"{"type":1,"target":"A\u0064"}"#, nil), (#"{"target":"T","type":1,"arguments":[]}"#, nil), ("", nil),
        ("{}", nil),
        (#"{"type":1,"target":"Grüße","arguments":[]}"#, "Grüße"), (#"{"type":1,"targeX":"T"}"#, nil),
    ])
    func aJSONFrameIsLookedAtFromItsBeginning(json: String, method: String?) throws {
        #expect(try name(in: .init(protocolName: "json", bytes: Array(json.utf8))) == method)
    }

    @Test(arguments: [
        ("09960180c0a1549090", "T"), ("09960180c0d901549090", "T"), ("8900960180c0a1549090", "T"),
        ("09960180a131a1549090", nil),
        ("0996018180", nil), ("09960180c0", nil), ("09960180c0a5", nil), ("09960180c0c0", nil), ("", nil),
        ("80808080808080", nil),
    ])
    func aMessagePackFrameIsLookedAtFromItsBeginning(hex: String, method: String?) throws {
        #expect(try name(in: .init(protocolName: "messagepack", bytes: unfolded(hex))) == method, "\(hex)")
    }

    @Test func otherProtocolsAreIgnored() throws {
        #expect(try name(in: .init(protocolName: "blazorpack", bytes: unfolded("09960180c0a1549090"))) == nil)
    }

    private func name(in frame: CoreInvocation.Frame) throws -> String? {
        try CoreInvocation(frames: [frame]).encoded().withUnsafeBytes { bytes in
            CoreCallName(quickly: try CoreInvocationView(bytes))?.method
        }
    }
}
