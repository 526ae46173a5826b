import TestSupport
import Testing

@testable import Backplane

/// Adding missing frames to an invocation, and renaming its target.
@Suite("Missing frames and renamed targets")
struct CoreProtocolFramesTests {
    private static func invocation(_ frames: [(String, [UInt8])], excluded: [String] = []) -> [UInt8] {
        CoreInvocation(
            excluded: excluded, frames: frames.map { .init(protocolName: $0.0, bytes: $0.1) }
        ).encoded()
    }

    private static func json(_ arguments: String) -> [UInt8] {
        Array((#"{"type":1,"target":"Recv","arguments":\#(arguments)}"# + "\u{1E}").utf8)
    }

    private func completed(
        _ payload: [UInt8], _ protocols: [CoreFormat] = [.json, .messagePack], untyped: Bool = false
    ) throws -> [UInt8]? {
        try payload.withUnsafeBytes {
            try CoreProtocolFrames(protocols, allowsUntyped: untyped).completed(try CoreInvocationView($0))
        }
    }

    @Test("existing frames stay byte for byte, added ones are equivalent")
    func completes() throws {
        let frame = Self.json(#"["a",null,true,[1,-2.5]]"#)
        let payload = Self.invocation([("custom", [1, 2]), ("json", frame)], excluded: ["c"])
        let done = try #require(try completed(payload))
        try done.withUnsafeBytes { bytes in
            let view = try CoreInvocationView(bytes)
            #expect(view.protocols == ["custom", "json", "messagepack"] && view.excluded == ["c"])
            #expect(try view.agreement() == .same && view.json.map { Array(bytes[$0]) } == frame)
        }
        #expect(try completed(done) == nil && completed(payload, [.json]) == nil)
        let real = try CoreVectors.all()[2].payloads[0].payload
        #expect(try completed(real, [.json]) != nil)
    }

    @Test("a value without an exact equivalent is refused unless allowed; nothing is added without a frame to convert")
    func refuses() throws {
        let payload = Self.invocation([("json", Self.json(#"[{"name":1}]"#))])
        #expect(throws: CoreProtocolFrames.Failure.self) { try completed(payload) }
        do { _ = try completed(payload) } catch let failure as CoreProtocolFrames.Failure {
            #expect(failure.label == "object")
        }
        #expect(try completed(payload, untyped: true) != nil)
        do { _ = try completed(Self.invocation([("custom", [1])])) } catch let failure as CoreProtocolFrames.Failure {
            #expect(failure == .noFrame && failure.label == "no_frame")
        }
    }

    @Test("a hub is found by its type, byte for byte, or by its class, ignoring case; groups and users byte for byte")
    func renames() {
        let names = CoreRenaming(
            prefixes: ["": "q:"], hubs: ["roomhub": "Chat.B", "Chat.ChatHub": "Chat.C"], groups: ["g": "h"],
            users: ["u": ""])
        #expect(names.target(of: CoreHub(type: "Chat.Outer+RoomHub")).topic == "q:Chat.B")
        #expect(names.target(of: CoreHub(prefix: "p:", type: "Chat.ChatHub")).topic == "p:Chat.C")
        #expect(names.target(of: CoreHub(type: "Chat.Chathub")).topic == "q:Chat.Chathub")
        Array("g".utf8).withUnsafeBytes {
            #expect(names.renamed(.group, $0) == "h" && names.renamed(.user, $0) == nil)
            #expect(names.renamed(.connection, $0) == nil)
        }
    }
}
