import Backplane
import Testing

@Suite("Forward mark")
struct ForwardMarkTests {
    private func blob(_ filters: [String]) -> [UInt8] {
        let messages = filters.enumerated().map { index, filter in
            Message(
                source: "s\(index)", key: "h-chatHub", value: Array(#"{"H":"chatHub"}"#.utf8), commandID: "c\(index)",
                waitForAck: index == 0, isAck: index == 1, filter: filter)
        }
        return ScaleoutMessage(messages: messages, createdTicks: 638_000_000_000_000_000).encoded()
    }

    private func mark(
        _ blob: [UInt8], leaving place: String = "aa", unlessBeenAt places: [String] = []
    ) throws -> ForwardMark.Outcome {
        try blob.withUnsafeBytes { try ForwardMark.mark($0, leaving: place, unlessBeenAt: places) }
    }

    @Test(
        "adds an entry to each filter, and changes nothing else",
        arguments: [[""], ["c-1"], ["", "c-1|c-2"], [String(repeating: "x", count: 120)]])
    func marks(filters: [String]) throws {
        guard case .marked(let marked) = try mark(blob(filters)) else {
            Issue.record("reported as returned without a mark")
            return
        }
        #expect(marked == blob(filters.map { $0 + "|backplane-relay:aa" }))
    }

    @Test(
        "places are compared by whole entries",
        arguments: [
            ("|backplane-relay:aa", ["aa"], true), ("c-1|backplane-relay:bb|backplane-relay:aa", ["aa"], true),
            ("|backplane-relay:aa", ["cc", "aa"], true), ("|backplane-relay:aa", ["bb"], false),
            ("|backplane-relay:aaa", ["aa"], false), ("|xbackplane-relay:aa", ["aa"], false), ("", ["aa"], false),
            ("aa", ["aa"], false),
        ])
    func recognizes(filter: String, places: [String], returned: Bool) throws {
        #expect((try mark(blob([filter]), leaving: "zz", unlessBeenAt: places) == .returned) == returned)
    }

    @Test("a mark in any message counts")
    func laterMessage() throws {
        #expect(try mark(blob(["", "|backplane-relay:aa"]), unlessBeenAt: ["aa"]) == .returned)
    }

    @Test("a chain of places")
    func chain() throws {
        var bytes = blob([""])
        for place in ["aa", "bb", "cc"] {
            guard case .marked(let next) = try mark(bytes, leaving: place, unlessBeenAt: ["dd"]) else {
                Issue.record("reported as returned from dd")
                return
            }
            bytes = next
        }
        for place in ["aa", "bb", "cc"] {
            #expect(try mark(bytes, unlessBeenAt: [place]) == .returned)
        }
    }

    @Test("a payload that is cut or has no message is refused; a surplus byte is dropped")
    func broken() throws {
        let whole = blob(["c-1"])
        for end in whole.indices {
            #expect(throws: EnvelopeError.self) { try mark(Array(whole[..<end])) }
        }
        #expect(try mark(whole + [0]) == mark(whole))
        #expect(throws: EnvelopeError.self) { try mark(blob([])) }
    }
}
