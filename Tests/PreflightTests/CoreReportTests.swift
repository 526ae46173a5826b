import Backplane
import Testing

@testable import Preflight

/// The report on hubs, from the channel names of a Redis.
@Suite struct CoreReportTests {
    private static let generic8 = "Chat.Room`1[[System.Int32, Core, Version=8.0.0.0, Culture=neutral]]"
    private static let generic9 = "Chat.Room`1[[System.Int32, Core, Version=9.0.0.0, Culture=neutral]]"

    private static func channels(_ hubs: [(prefix: String, type: String)], returns: Bool = true) -> [String] {
        hubs.flatMap { prefix, type in
            [prefix + "__Booksleeve_MasterChanged"]
                + (["all", "internal:groups", "internal:ack:web1_x"] + (returns ? ["internal:return:web1_x"] : [])).map
            {
                prefix + type + ":" + $0
            }
        }
    }

    private static func report(
        _ attachment: CoreAttachment, _ hubs: [(prefix: String, type: String)], more: [String] = []
    ) -> CoreReport {
        CoreReport(attachment, found: ChannelGroups(channels(hubs) + more).hubs.map(\.found))
    }

    private static func texts(_ report: CoreReport, clients: SubscribedClients? = nil) -> [String] {
        report.findings(clients: clients).map(\.text)
    }

    @Test func hubsOfThePrefixAreWatched() {
        let attachment = CoreAttachment(prefix: "orc", hubs: ["Named"], findsHubs: true, excluded: ["Blazor"])
        let report = Self.report(
            attachment,
            [("orc", "Chat.Hubs.ChatHub"), ("orc", "Blazor"), ("orc", "Named"), ("", "Other"), ("orc:", "Far")])
        #expect(report.hubs.map(\.hub.type) == ["Chat.Hubs.ChatHub", "Named"])
        #expect(report.hubs.map(\.isNamed) == [false, true] && report.hubs.map(\.nodes) == [1, 1])
        #expect(report.excluded.map(\.type) == ["Blazor"])
        #expect(report.others.map(\.hub.topic).sorted() == ["Other", "orc:Far"])
        #expect(report.patterns == 8 && abs(report.microsecondsAPublish - 0.32) < 0.001)
        #expect(Self.texts(report) == [])
    }

    @Test func existingHubsAreNamedInstead() {
        let core = CoreAttachment(findsHubs: true)
        let prefixed = Self.report(core, [("my:app:", "OracleHub")]).findings(clients: nil)
        #expect(prefixed.map(\.setting) == [.prefix("my:app:")] && prefixed.allSatisfy { $0.severity == .warning })
        let orc = Self.report(CoreAttachment(prefix: "orc", findsHubs: true), [("", "OracleHub")])
        #expect(orc.findings(clients: nil).map(\.setting) == [.prefix("")])
        #expect(Self.texts(orc).allSatisfy { $0.contains("channel prefix 'orc'") && $0.contains("'OracleHub'") })
        var none = CoreReport(core, found: [])
        #expect(Self.texts(none).allSatisfy { $0.contains("are the nodes running") })
        none.eventKeys = ["chat", "orders"]
        #expect(none.findings(clients: nil).map(\.setting) == [.eventKey("chat")])
        let excluded = Self.report(CoreAttachment(findsHubs: true, excluded: ["A"]), [("", "A")])
        #expect(Self.texts(excluded) == ["no hub of ASP.NET Core SignalR is found except those excluded: 'A'"])
        let unknown = CoreReport(core).findings(clients: nil)
        #expect(unknown.map(\.setting) == [.hubNames] && unknown.allSatisfy { $0.severity == .problem })
    }

    struct Meant: Sendable {
        var prefix = ""
        var typed: String
        var lives: (prefix: String, type: String)
        var meant: CoreHub?
    }

    @Test(arguments: [
        Meant(typed: "ChatHub", lives: ("", "Chat.Hubs.ChatHub"), meant: CoreHub(type: "Chat.Hubs.ChatHub")),
        Meant(typed: "chat.hubs.chathub", lives: ("", "Chat.Hubs.ChatHub"), meant: CoreHub(type: "Chat.Hubs.ChatHub")),
        Meant(typed: "Chat.Hub.ChatHub", lives: ("", "Chat.Hubs.ChatHub"), meant: CoreHub(type: "Chat.Hubs.ChatHub")),
        Meant(typed: "OracleHub", lives: ("orc", "OracleHub"), meant: CoreHub(prefix: "orc", type: "OracleHub")),
        Meant(prefix: "orc", typed: "OracleHub", lives: ("", "OracleHub"), meant: CoreHub(type: "OracleHub")),
        Meant(
            prefix: "orc", typed: "orcOracleHub", lives: ("orc", "OracleHub"),
            meant: CoreHub(prefix: "orc", type: "OracleHub")),
        Meant(
            prefix: "orc", typed: "OracelHub", lives: ("orc", "OracleHub"),
            meant: CoreHub(prefix: "orc", type: "OracleHub")),
        Meant(
            typed: "ChatHub", lives: ("app:", "Chat.Hubs.ChatHub"),
            meant: CoreHub(prefix: "app:", type: "Chat.Hubs.ChatHub")),
        Meant(typed: "Something", lives: ("", "Chat.Hubs.ChatHub"), meant: nil),
    ])
    func aMistypedHub(_ test: Meant) {
        let report = Self.report(CoreAttachment(prefix: test.prefix, hubs: [test.typed]), [test.lives])
        #expect(report.hubs.map(\.meant) == [test.meant])
        let findings = report.findings(clients: nil)
        #expect(findings.contains { $0.setting == test.meant.map { .hub($0) } && $0.text.contains("has no nodes") })
    }

    @Test func versionsOfOneHubAreSeparate() {
        let report = Self.report(CoreAttachment(findsHubs: true), [("", Self.generic8), ("", Self.generic9)])
        let texts = Self.texts(report)
        #expect(texts.count == 1)
        #expect(texts[0].contains(Self.generic8) && texts[0].contains(Self.generic9))
        let two = Self.report(
            CoreAttachment(findsHubs: true),
            [("", Self.generic8), ("", "Chat.Room`1[[System.String, Core, Version=8.0.0.0, Culture=neutral]]")])
        #expect(Self.texts(two) == [])
    }

    @Test(
        arguments: [
            ("orc", [("orc", "OracleHub"), ("", "OracleHub")], 1),
            ("", [("", "OracleHub"), ("my:app:", "OracleHub")], 1),
            ("", [("", "Chat.Hubs.ChatHub"), ("orc", "Chat.Hubs.ChatHub")], 1),
            ("a:", [("a:", "H"), ("b:", "H"), ("c:", "H"), ("b:", "I")], 2),
            ("", [("", "ChatHub"), ("", "GroupChatHub")], 0),
            ("", [("", "Hubs.ChatHub"), ("", "Chat.Hubs.ChatHub")], 0),
            ("orc", [("orc", "OracleHub"), ("orc", "MyOracleHub")], 0),
        ] as [(String, [(prefix: String, type: String)], Int)])
    func prefixesOfOneHubDoNotMeet(prefix: String, hubs: [(prefix: String, type: String)], count: Int) {
        let report = Self.report(CoreAttachment(prefix: prefix, findsHubs: true), hubs)
        let texts = Self.texts(report)
        #expect(texts.count == count, "\(texts)")
        #expect(texts.allSatisfy { $0.contains("channel prefix '\(prefix)' and others with '") })
    }

    @Test func patternsThatMatchAnotherHubAreAProblem() {
        let attachment = CoreAttachment(hubs: ["Chat", "H"])
        #expect(CoreReport(attachment).findings(clients: nil) == [])
        var report = CoreReport(CoreAttachment(hubs: ["Chat"]))
        report.hubs.append(HubReport(hub: CoreHub(prefix: "Chat:group:", type: "X"), isNamed: false))
        let findings = report.findings(clients: nil)
        #expect(findings.map(\.severity) == [.problem])
        #expect(findings[0].text.contains("'Chat'") && findings[0].text.contains("'Chat:group:'"))
    }

    @Test func manyPatternsNeedConfirmation() {
        func report(_ count: Int, _ attachment: CoreAttachment) -> [PreflightFinding] {
            Self.report(attachment, (0..<count).map { ("", "Hub\($0 + 100)") }).findings(clients: nil)
        }
        let core = CoreAttachment(findsHubs: true)
        #expect(report(10, core) == [])
        #expect(report(11, core).map(\.setting) == [.manyPatterns] && report(11, core)[0].severity == .problem)
        #expect(report(11, core)[0].text.contains("44 patterns") && report(11, core)[0].text.contains("1.8 us"))
        // Five per hub.
        #expect(
            report(9, CoreAttachment(findsHubs: true, includesConnections: true)).map(\.setting) == [
                .manyPatterns, .connections,
            ])
        #expect(report(11, CoreAttachment(findsHubs: true, permitsManyPatterns: true)) == [])
        #expect(report(11, CoreAttachment(hubs: (0..<11).map { "Hub\($0 + 100)" })) == [])
    }

    /// When hubs appear while a relay runs.
    @Test func newHubsAreWatchedUpToTheLimit() {
        let found = (0..<20).map { CoreHub(type: "H\($0)") }
        let core = CoreAttachment(findsHubs: true)
        #expect(core.admitted(found, besides: 0) == Array(found.prefix(10)))
        #expect(core.admitted(found, besides: 8) == Array(found.prefix(2)))
        #expect(core.admitted(found, besides: 12) == [])
        #expect(CoreAttachment(findsHubs: true, permitsManyPatterns: true).admitted(found, besides: 12) == found)
        #expect(CoreAttachment(findsHubs: true, includesConnections: true).admitted(found, besides: 0).count == 8)
        // Hubs without nodes stay: even if many patterns are permitted, their number is limited.
        let many = (0..<300).map { CoreHub(type: "H\($0)") }
        let all = CoreAttachment(findsHubs: true, permitsManyPatterns: true)
        #expect(all.admitted(many, besides: 0) == Array(many.prefix(250)))
        #expect(all.admitted(many, besides: 249).count == 1 && all.admitted(many, besides: 260) == [])
    }

    @Test func subscribersWithoutANode() {
        var report = Self.report(CoreAttachment(hubs: ["H"]), [])
        let spelled = "is the type spelled with its namespace"
        report.hubs[0].listeners = 2
        #expect(Self.texts(report).allSatisfy { $0.contains(spelled) })
        #expect(
            Self.texts(report, clients: SubscribedClients(observers: 2, others: 0)).allSatisfy { $0.contains(spelled) })
        let told = Self.texts(report, clients: SubscribedClients(observers: 1, others: 3))
        #expect(told.count == 1 && told[0].contains("hub 'H' has 2 subscribers to 'H:all' but no nodes"))
    }

    @Test func hubsThatLookLikeGroupsOfAnother() {
        let channels = ["Chat", "Chat:group:RoomHub", "Other"].map { Array("\($0):internal:groups".utf8) }
        let covered = CoreDiscovery.covered(in: channels, prefix: "")
        #expect(covered.map(\.topic) == ["Chat:group:RoomHub"])
        let hubs = CoreDiscovery.hubs(in: channels, prefix: "")
        let told = HubNeighbours(prefix: "").covered(watched: hubs, others: covered)
        #expect(told.count == 1 && told[0].hasPrefix("patterns of the hub 'Chat' match"))
    }

    /// The name may end where that of the group would begin.
    @Test(arguments: ["Chat:group", "Chat:group:Room", "Chat:user", "Chat:internal:ack", "Chat:connection"])
    func anUnwatchedHubUnderThePatternsOfAnother(topic: String) {
        func texts(connections: Bool) -> [String] {
            var report = Self.report(
                CoreAttachment(findsHubs: true, includesConnections: connections), [("", "Chat")])
            report.covered = [CoreHub(type: topic)]
            return Self.texts(report).filter { $0.hasPrefix("patterns of the hub 'Chat' match") }
        }
        #expect(texts(connections: false).count == (topic == "Chat:connection" ? 0 : 1))
        let told = texts(connections: true)
        #expect(told.count == 1 && told[0].contains("of the hub '\(topic)'"), "\(told)")
        #expect(told[0].contains("give the second application a channel prefix that does not begin with 'Chat:'"))
    }

    @Test func oldAndNewNodes() {
        let mixed = Self.report(CoreAttachment(findsHubs: true), [("", "H")], more: ["H:internal:ack:old_x"])
        #expect(Self.texts(mixed).allSatisfy { $0.contains("before .NET 7") } && Self.texts(mixed).count == 1)
    }

    @Test func anExclusionWithoutAHub() {
        let report = Self.report(CoreAttachment(findsHubs: true, excluded: ["ChatHbu"]), [("", "ChatHub")])
        #expect(Self.texts(report) == ["there is no hub 'ChatHbu' to exclude; did you mean 'ChatHub'?"])
    }

    @Test func withoutChannelNamesSubscribersDecide() {
        var report = CoreReport(CoreAttachment(hubs: ["H"]))
        #expect(Self.texts(report) == [])
        report.hubs[0].subscribers = 0
        #expect(Self.texts(report).count == 1)
        report.hubs[0].subscribers = 1
        #expect(Self.texts(report) == [])
        #expect(Self.texts(report, clients: SubscribedClients(observers: 1, others: 0)).count == 1)
        #expect(Self.texts(report, clients: SubscribedClients(observers: 1, others: 3)).count == 1)
        report.hubs[0].subscribers = 2
        #expect(Self.texts(report, clients: SubscribedClients(observers: 1, others: 3)) == [])
        report.hubs[0].refusal = "NOPERM"
        #expect(report.findings(clients: nil).map(\.severity) == [.problem])
    }

    /// Counters are not reported if no event key is watched.
    @Test func hubsHaveNoCounters() {
        var report = PreflightReport()
        report.memory = RedisMemory(limit: 1, policy: "allkeys-lru")
        report.persistence = RedisPersistence(appendOnlyFile: false, snapshots: "")
        report.core = Self.report(CoreAttachment(findsHubs: true), [("", "H")])
        #expect(report.findings() == [])
        report.channels = [ChannelReport(name: "chat", subscribers: 1)]
        #expect(report.findings().count == 2)
    }

    @Test func anEventKeyNextToHubs() {
        var report = PreflightReport()
        report.channels = [ChannelReport(name: "chat", subscribers: 0, counter: .absent)]
        report.hubsHere = ChannelGroups(Self.channels([("orc", "H")])).hubs.map(\.found)
        #expect(report.findings().map(\.setting) == [.core(prefix: "orc")])
        #expect(report.backplaneFindings == report.findings())
        report.channels[0].subscribers = 1
        report.clients = SubscribedClients(observers: 1, others: 0)
        #expect(report.backplaneFindings.map(\.setting) == [.core(prefix: "orc")])
        report.clients = SubscribedClients(observers: 1, others: 4)
        #expect(report.backplaneFindings == [])
        report.channels[0] = ChannelReport(name: "Chat", subscribers: 0)
        report.channels[0].meant = "chat"
        #expect(report.backplaneFindings == [] && report.findings().count == 1)
    }
}
