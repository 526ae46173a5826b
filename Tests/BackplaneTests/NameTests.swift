import Backplane
import FoundationEssentials
import Testing

/// Names compared like on real nodes: by bytes, or by .NET's `OrdinalIgnoreCase`.
@Suite struct NameTests {
    static let same: [(String, String)] = [
        ("room", "ROOM"), ("\u{E9}", "\u{C9}"), ("\u{430}", "\u{410}"), ("\u{3C3}", "\u{3C2}"), ("\u{B5}", "\u{3BC}"),
        ("\u{FF}", "\u{178}"), ("\u{1C5}", "\u{1C4}"), ("\u{1F80}", "\u{1F88}"), ("\u{FF41}", "\u{FF21}"),
        ("\u{250}", "\u{2C6F}"), ("\u{10D0}", "\u{1C90}"), ("x-\u{AC00}", "X-\u{AC00}"), ("", ""),
    ]

    @Test(arguments: same)
    func differOnlyInCase(_ first: String, _ second: String) {
        #expect(CaselessName(first) == CaselessName(second))
        #expect(CaselessName(first).hashValue == CaselessName(second).hashValue)
        #expect(CaselessName(first).equals(second))
        #expect(OrdinalName(first) != OrdinalName(second) || first.utf8.elementsEqual(second.utf8))
    }

    static let others: [(String, String)] = [
        // Equal in Swift, or in some languages.
        ("\u{E9}", "e\u{301}"), ("\u{AC00}", "\u{1100}\u{1161}"), ("K", "\u{212A}"), ("k", "\u{212A}"),
        ("\u{E5}", "\u{212B}"), ("\u{3C9}", "\u{2126}"), ("ss", "\u{DF}"), ("\u{DF}", "\u{1E9E}"), ("i", "\u{130}"),
        ("I", "\u{131}"), ("s", "\u{17F}"), ("\u{FB01}", "fi"), ("\u{149}", "\u{2BC}N"),
        // Case is not ignored beyond 16 bits.
        ("\u{10428}", "\u{10400}"), ("room", "room "), ("a", ""),
    ]

    @Test(arguments: others)
    func areTwoNames(_ first: String, _ second: String) {
        #expect(CaselessName(first) != CaselessName(second))
        #expect(!CaselessName(first).equals(second))
        #expect(OrdinalName(first) != OrdinalName(second))
        #expect([first, second].areDifferentOrdinally)
        var map: OrdinalNameMap<Int> = [:]
        map[first] = 1
        map[second, default: 1] += 1
        #expect(map[first] == 1 && map[second] == 2 && map.count == 2)
    }

    @Test func upperCasingIsOneToOneAndIdempotent() {
        for unit in UInt16.min...UInt16.max {
            let upper = OrdinalCase.uppercased(unit)
            // A second application changes nothing, surrogates stay, and only ASCII becomes ASCII.
            if OrdinalCase.uppercased(upper) != upper { Issue.record("\(unit)") }
            if unit >= 0x80, upper < 0x80 { Issue.record("\(unit) became ASCII") }
            if (0xD800...0xDFFF).contains(unit), upper != unit { Issue.record("\(unit)") }
            guard let scalar = Unicode.Scalar(unit), unit != 0x131, unit != 0x17F else { continue }
            // If Unicode's full mapping is one character, it equals the simple one; Swift's tables may be newer.
            let full = scalar.properties.uppercaseMapping.unicodeScalars
            if upper != unit, full.count == 1, full.first?.value != UInt32(upper) { Issue.record("\(unit)") }
        }
    }

    @Test func malformedBytesCompareLikeReplacementCharacters() {
        let bytes: [UInt8] = [0x61, 0xFF]
        #expect(bytes.withUnsafeBytes { CaselessName($0) } == "A\u{FFFD}")
        #expect(bytes.withUnsafeBytes { CaselessName("a\u{FFFD}").equals($0) })
    }

    @Test func signalsAreEqualByBytes() {
        let first = Signal.user(hub: "chatHub", userID: "zo\u{E9}")
        #expect(first == Signal(key: "hu-chatHub.zo\u{E9}"))
        #expect(first != Signal(key: "hu-chatHub.zoe\u{301}"))
    }

    @Test func mapsKeepBothNamesThroughJSON() throws {
        var map: OrdinalNameMap<UInt64> = ["zo\u{E9}": 1, "plain": 2]
        let plain = try JSONEncoder().encode(map)
        #expect(try JSONDecoder().decode([String: UInt64].self, from: plain).count == 2)
        map["zoe\u{301}"] = 3
        let decoded = try JSONDecoder().decode(OrdinalNameMap<UInt64>.self, from: JSONEncoder().encode(map))
        #expect(decoded == map && decoded.count == 3)
        #expect(try JSONDecoder().decode(OrdinalNameMap<UInt64>.self, from: plain)["plain"] == 2)
    }

    @Test func messagesAreEqualByBytes() {
        let message = Message(source: "s", key: "hu-chatHub.zo\u{E9}", value: [])
        #expect(message == message)
        #expect(message != Message(source: "s", key: "hu-chatHub.zoe\u{301}", value: []))
    }
}
