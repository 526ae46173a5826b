import Backplane
import TestSupport
import Testing

/// Channel names, and the subscriptions that cover them.
@Suite struct CoreChannelTests {
    static let generic =
        "Chat.Hubs.RoomHub`1[[System.Int32, System.Private.CoreLib, Version=8.0.0.0, Culture=neutral, PublicKeyToken=7cec85d7bea7798e]]"

    @Test(arguments: [
        ("Hub:all", CoreKind.all, ""), ("Hub:internal:groups", .groupCommand, ""),
        ("Hub:internal:ack:vm_1", .ack, "vm_1"),
        ("Hub:internal:return:vm_1", .result, "vm_1"), ("Hub:connection:C", .connection, "C"),
        ("Hub:user:U", .user, "U"),
        ("Hub:group:G", .group, "G"), ("Hub:group::group:", .group, ":group:"), ("Hub:group: ", .group, " "),
        ("Hub:group:Hub:all", .group, "Hub:all"), ("Hub:user:Grüppe: ★/x y", .user, "Grüppe: ★/x y"),
    ])
    func aChannelHasAKindAndAName(channel: String, kind: CoreKind, name: String) throws {
        for prefix in ["", "orc", "my:app:", "*?[x]\\ ", "Hub:group:"] {
            let hub = CoreHub(prefix: prefix, type: "Hub")
            try Array((prefix + channel).utf8).withUnsafeBytes { bytes in
                let parsed = try #require(hub.parse(bytes))
                #expect(parsed.kind == kind && parsed.nameText == name)
            }
            #expect(hub.channel(kind, name) == prefix + channel)
        }
    }

    @Test(arguments: [
        "", "Hub", "Hub:", "Hub:al", "Hub:all:", "Hub:alll", "hub:all", "Hubs:all", "Hub:group", "Hub:group:",
        "Hub:user:",
        "Hub:connection:", "Hub:internal:", "Hub:internal:groups:", "Hub:internal:group", "Hub:internal:ack:",
        "Hub:internal:acks:x", "Hub:internal:return:", "Hub:internal:xyz:a", "Hub:internalxgroups", "Hub:xyz:a",
        "__Booksleeve_MasterChanged", "xHub:all", "Hub.all",
    ])
    func otherChannelsAreNone(channel: String) {
        #expect(Array(channel.utf8).withUnsafeBytes { CoreHub(type: "Hub").parse($0) == nil })
    }

    @Test func namesAreAnyBytes() {
        var random = SplitMix64.announced()
        let hub = CoreHub(prefix: "p:", type: Self.generic)
        for _ in 0..<2_000 {
            let name = random.bytes(Int.random(in: 1...20, using: &random))
            for kind in CoreKind.allCases where kind.isNamed {
                hub.channel(kind, name).withUnsafeBytes { bytes in
                    let parsed = hub.parse(bytes)
                    #expect(parsed?.kind == kind && parsed?.name.elementsEqual(name) == true)
                }
            }
        }
    }

    @Test func theHubWithTheLongestMatchingNameIsChosen() throws {
        let hubs = CoreHubSet(["Chat", "Chat:group:A", "ChatHub"].map { CoreHub(type: $0) })
        func find(_ channel: String) -> String? {
            Array(channel.utf8).withUnsafeBytes { bytes in
                hubs.parse(bytes).map { "\($0.hub.type) \($0.name.kind.label) \($0.name.nameText)" }
            }
        }
        #expect(find("Chat:all") == "Chat all ")
        #expect(find("ChatHub:group:x") == "ChatHub group x")
        #expect(find("Chat:group:A:all") == "Chat:group:A all ")
        #expect(find("Chat:group:A") == "Chat group A")
        #expect(find("Chat:group:B:all") == "Chat group B:all")
        #expect(find("Other:all") == nil)
    }

    @Test func hubsAreFoundByTheirGroupsChannel() {
        let channels = [
            "orcChat:internal:groups", "orc" + Self.generic + ":internal:groups", "orcChat:group:x:internal:groups",
            "orcChat:connection:y:internal:groups", "orcChatHub:internal:groups", "other:internal:groups",
            "orc:internal:groups",
            ":internal:groups", "orcChat:all", "orcNobody:group:x:internal:groups",
        ]
        let hubs = CoreDiscovery.hubs(in: channels.map { Array($0.utf8) }, prefix: "orc")
        #expect(hubs.map(\.type) == ["Chat", Self.generic, "ChatHub", "Nobody:group:x"])
        #expect(hubs.map(\.hasPlausibleType) == [true, true, true, false])
        #expect(hubs.allSatisfy { $0.prefix == "orc" })
        #expect(CoreDiscovery.pattern(prefix: "a*[b") == Array("a\\*\\[b*:internal:groups".utf8))
    }

    @Test func aServerNameIsAMachineAndAGUID() {
        let name = CoreServerName("web_01_9e72f0b4725d4879a14457e2c4891af6")
        #expect(name?.machine == "web_01" && name?.guid == "9e72f0b4725d4879a14457e2c4891af6")
        for other in ["", "vm", "vm_9E72F0B4725D4879A14457E2C4891AF6", "9e72f0b4725d4879a14457e2c4891af6", "relay_x"] {
            #expect(CoreServerName(other) == nil)
        }
        #expect(CoreServerName("_9e72f0b4725d4879a14457e2c4891af6")?.machine == "")
    }

    @Test func assemblyVersionsCanBeOmitted() {
        let eight = CoreHub(type: Self.generic)
        let nine = CoreHub(type: Self.generic.replacing("8.0.0.0", with: "9.0.0.0"))
        #expect(eight != nine && eight.typeWithoutVersions == nine.typeWithoutVersions)
        #expect(
            eight.typeWithoutVersions
                == "Chat.Hubs.RoomHub`1[[System.Int32, System.Private.CoreLib, Version=, Culture=neutral, PublicKeyToken=7cec85d7bea7798e]]"
        )
        #expect(CoreHub(type: "A`1[[B, Version=1]]").typeWithoutVersions == "A`1[[B, Version=]]")
        #expect(CoreHub(type: "Chat.Hubs.ChatHub").typeWithoutVersions == "Chat.Hubs.ChatHub")
    }

    // MARK: - Patterns

    @Test func subscriptionsAreLiteralNames() {
        let watch = CoreWatch(CoreHub(prefix: "orc*", type: "A`1[[B, C]]"))
        #expect(text(watch.channels) == ["orc*A`1[[B, C]]:all", "orc*A`1[[B, C]]:internal:groups"])
        let root = #"orc\*A`1\[\[B,?C\]\]"#
        #expect(
            text(watch.patterns) == [
                root + ":internal:ack:*", root + ":internal:return:*", root + ":group:*", root + ":user:*",
            ])
        #expect(
            watch.aclRules
                == "&\(root):all &\(root):internal:groups &\(root):internal:ack:* &\(root):internal:return:* "
                + "&\(root):group:* &\(root):user:*")
        let all = CoreWatch(CoreHub(type: "Chat"), connections: true)
        #expect(text(all.patterns).last == "Chat:connection:*" && all.channels.count == 2 && all.patterns.count == 5)
    }

    @Test func anEscapedTextMatchesOnlyItself() {
        var random = SplitMix64.announced()
        for _ in 0..<2_000 {
            let text = hostileText(&random, alphabet: "*?[]\\^-ab:".utf8)
            #expect(redisMatches(RedisGlob.escaped(text), text))
            var other = hostileText(&random, alphabet: "*?[]\\^-ab:".utf8)
            if other == text { other.append(0x61) }
            #expect(!redisMatches(RedisGlob.escaped(text), other), "\(text) \(other)")
        }
        #expect(RedisGlob.escaped("a b\t\0".utf8) == Array("a?b??".utf8))
        #expect(RedisGlob.escaped("a\"b'c".utf8) == Array("a?b?c".utf8), "redis-cli would remove the quotes")
        #expect(redisMatches(RedisGlob.escaped("a b".utf8), Array("a b".utf8)))
    }

    /// Everything that a hub's nodes publish is received once; messages to connections only if requested.
    @Test func eachChannelOfAHubIsReceivedOnceWithoutConnections() {
        var random = SplitMix64.announced()
        for _ in 0..<100 {
            let prefix = String(decoding: hostileText(&random, alphabet: "*?[]\\:group: a".utf8), as: UTF8.self)
            let hubs = (0..<4).map { _ in CoreHub(prefix: prefix, type: typeName(&random)) }
            for hub in hubs {
                let watch = CoreWatch(hub)
                let withConnections = CoreWatch(hub, connections: true)
                for other in hubs {
                    for kind in CoreKind.allCases {
                        let name =
                            kind == .connection
                            ? connectionID(&random) : hostileText(&random, alphabet: ":agc*[ ".utf8) + [0x78]
                        let channel = other.channel(kind, name)
                        let isOwn = hub == other
                        let seen = count(watch, channel)
                        #expect(
                            kind != .connection || seen == 0,
                            "\(hub.topic) sees \(String(decoding: channel, as: UTF8.self))")
                        if isOwn {
                            #expect(seen == (kind == .connection ? 0 : 1))
                            #expect(count(withConnections, channel) == 1)
                        } else if !hub.topic.contains(" ") {
                            #expect(count(withConnections, channel) == 0)
                        }
                        if isOwn, seen > 0 { #expect(allowed(watch, channel)) }
                    }
                }
            }
        }
    }

    /// Only another prefix can put a hub under the patterns of this one; that is reported.
    @Test func aHubUnderThePatternsOfAnotherIsReported() {
        let chat = CoreHub(type: "Chat")
        for (prefix, type) in [
            ("Chat:group:", "Hub"), ("Chat:", "group"), ("Chat:user:x", "Y"), ("Chat:internal:", "ack"),
        ] {
            let other = CoreHub(prefix: prefix, type: type)
            #expect(CoreWatch.covers(chat, other) && !CoreWatch.covers(other, chat))
            #expect(count(CoreWatch(chat), other.channel(.connection, Array("C".utf8))) == 1)
        }
        for type in ["ChatHub", "Chat2", "Ch", "Chat.group"] {
            #expect(!CoreWatch.covers(chat, CoreHub(type: type)) && !CoreWatch.covers(CoreHub(type: type), chat))
        }
        #expect(!CoreWatch.covers(chat, chat))
        let connection = CoreHub(prefix: "Chat:connection:", type: "x")
        #expect(!CoreWatch.covers(chat, connection) && CoreWatch.covers(chat, connection, connections: true))
    }

    // MARK: - Helpers

    private func text(_ names: [[UInt8]]) -> [String] { names.map { String(decoding: $0, as: UTF8.self) } }

    private func count(_ watch: CoreWatch, _ channel: [UInt8]) -> Int {
        watch.channels.count { $0 == channel } + watch.patterns.count { redisMatches($0, channel) }
    }

    /// As Redis checks SUBSCRIBE.
    private func allowed(_ watch: CoreWatch, _ channel: [UInt8]) -> Bool {
        watch.aclPatterns.contains { redisMatches($0, channel) }
            && watch.patterns.allSatisfy { watch.aclPatterns.contains($0) }
            && !watch.aclPatterns.contains { $0.contains { $0 == 0 || $0 == 0x20 || (0x09...0x0D).contains($0) } }
    }

    private func hostileText(_ random: inout SplitMix64, alphabet: String.UTF8View) -> [UInt8] {
        (0..<Int.random(in: 0...8, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0x61 }
    }

    /// Any characters but a colon; short, so that one is often a prefix of another.
    private func typeName(_ random: inout SplitMix64) -> String {
        let bytes = hostileText(&random, alphabet: "*?[]\\` ,ab".utf8)
        return "a" + String(decoding: bytes.prefix(4), as: UTF8.self)
    }

    /// 22 characters of base64url, as ASP.NET Core makes them.
    private func connectionID(_ random: inout SplitMix64) -> [UInt8] {
        let alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8
        return (0..<22).map { _ in alphabet.randomElement(using: &random) ?? 0x61 }
    }
}

/// Redis 7's `stringmatchlen` (util.c), branch for branch, without its option to ignore case.
func redisMatches(_ pattern: [UInt8], _ string: [UInt8]) -> Bool {
    var skipsLongerMatches = false
    return redisMatches(pattern[...], string[...], &skipsLongerMatches, 0)
}

private func redisMatches(
    _ wholePattern: ArraySlice<UInt8>, _ wholeString: ArraySlice<UInt8>, _ skipsLongerMatches: inout Bool,
    _ nesting: Int
) -> Bool {
    if nesting > 1_000 { return false }
    var pattern = wholePattern
    var string = wholeString
    while let first = pattern.first, !string.isEmpty {
        switch first {
        case UInt8(ascii: "*"):
            while pattern.count > 1, pattern[pattern.startIndex + 1] == UInt8(ascii: "*") { pattern.removeFirst() }
            if pattern.count == 1 { return true }
            while !string.isEmpty {
                if redisMatches(pattern.dropFirst(), string, &skipsLongerMatches, nesting + 1) { return true }
                if skipsLongerMatches { return false }
                string.removeFirst()
            }
            skipsLongerMatches = true
            return false
        case UInt8(ascii: "?"): string.removeFirst()
        case UInt8(ascii: "["):
            guard let matches = matchesClass(&pattern, string[string.startIndex]), matches else { return false }
            string.removeFirst()
        case UInt8(ascii: "\\") where pattern.count >= 2:
            pattern.removeFirst()
            fallthrough
        default:
            if pattern.first != string.first { return false }
            string.removeFirst()
        }
        pattern = pattern.dropFirst()
        if string.isEmpty {
            while pattern.first == UInt8(ascii: "*") { pattern.removeFirst() }
            break
        }
    }
    return pattern.isEmpty && string.isEmpty
}

/// Leaves the pattern at the last byte of the class.
private func matchesClass(_ pattern: inout ArraySlice<UInt8>, _ byte: UInt8) -> Bool? {
    pattern.removeFirst()
    let isNegated = pattern.first == UInt8(ascii: "^")
    if isNegated { pattern.removeFirst() }
    var matches = false
    while true {
        guard let first = pattern.first else {
            // As in Redis: the class ends with the pattern.
            return matches != isNegated
        }
        if first == UInt8(ascii: "\\"), pattern.count >= 2 {
            pattern.removeFirst()
            if pattern.first == byte { matches = true }
        } else if first == UInt8(ascii: "]") {
            return matches != isNegated
        } else if pattern.count >= 3, pattern[pattern.startIndex + 1] == UInt8(ascii: "-") {
            let last = pattern[pattern.startIndex + 2]
            if (min(first, last)...max(first, last)).contains(byte) { matches = true }
            pattern.removeFirst(2)
        } else if first == byte {
            matches = true
        }
        pattern.removeFirst()
    }
}
