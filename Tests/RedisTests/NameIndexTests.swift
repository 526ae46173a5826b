import TestSupport
import Testing

@testable import Redis

@Suite struct NameIndexTests {
    private func index(of name: String, in table: inout NameIndex) -> Int? {
        Array(name.utf8).withUnsafeBytes { table.index(of: $0) }
    }

    /// Names of which each is a prefix of the next: only the length distinguishes them.
    @Test func distinguishesPrefixes() {
        let names = (0..<1000).map { String(repeating: "a", count: $0) }
        var table = NameIndex(names)
        for (expected, name) in names.enumerated() { #expect(index(of: name, in: &table) == expected) }
        #expect(index(of: String(repeating: "a", count: 1000), in: &table) == nil)
    }

    @Test func findsEachOfAThousandInAnyOrder() {
        let names = (0..<1000).map { "MyApp.Hubs.ChatHub:group:\($0)" }
        var table = NameIndex(names)
        var random = SplitMix64(seed: 1)
        for expected in (0..<names.count).shuffled(using: &random) {
            #expect(index(of: names[expected], in: &table) == expected)
            // The same again: the fast path for consecutive messages.
            #expect(index(of: names[expected], in: &table) == expected)
        }
        for stranger in ["", "MyApp", "MyApp.Hubs.ChatHub:group:1000", "myapp.hubs.chathub:group:1"] {
            #expect(index(of: stranger, in: &table) == nil)
        }
    }

    @Test(arguments: 1...9)
    func missesInSmallTablesEnd(count: Int) {
        var table = NameIndex((0..<count).map { "channel\($0)" })
        for stranger in 100..<400 { #expect(index(of: "channel\(stranger)", in: &table) == nil) }
    }

    @Test func anUnknownNameKeepsTheFastPathIntact() {
        var table = NameIndex(["chat", "orders"])
        #expect(index(of: "orders", in: &table) == 1)
        #expect(index(of: "other", in: &table) == nil)
        #expect(index(of: "orders", in: &table) == 1)
        #expect(index(of: "chat", in: &table) == 0)
    }

    @Test func namesAreBytes() {
        var table = NameIndex(["é", "e\u{301}"])
        #expect(index(of: "é", in: &table) == 0)
        #expect(index(of: "e\u{301}", in: &table) == 1)
    }

    @Test func emptyTableFindsNothing() {
        var table = NameIndex([] as [String])
        #expect(index(of: "", in: &table) == nil)
        #expect(index(of: "chat", in: &table) == nil)
    }
}
