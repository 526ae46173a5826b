import Backplane
import Testing

@testable import Relay

/// When a hub without nodes is left.
@Suite struct HubAbsenceTests {
    private static let chat = CoreHub(prefix: "app:", type: "ChatHub")
    private static let news = CoreHub(prefix: "app:", type: "NewsHub")
    private static let second: UInt64 = 1_000_000_000

    /// A listing of the nodes at a second, or a time without an answer.
    enum Look: Sendable {
        case nodes(at: UInt64, chat: Int?, news: Int? = nil)
        case unknown
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var looks: [Look]
        /// The hubs that are left, and the second of the look.
        var gone: [(String, UInt64)] = []

        init(_ description: String, _ looks: [Look], gone: [(String, UInt64)] = []) {
            testDescription = description
            self.looks = looks
            self.gone = gone
        }
    }

    @Test(arguments: [
        Case("with nodes", [.nodes(at: 0, chat: 1), .nodes(at: 9_000, chat: 2)]),
        Case(
            "an hour without nodes",
            [
                .nodes(at: 0, chat: 1), .nodes(at: 60, chat: 0), .nodes(at: 3_659, chat: 0), .nodes(at: 3_660, chat: 0),
            ], gone: [("ChatHub", 3_660)]),
        Case(
            "from the first look on", [.nodes(at: 7, chat: 0), .nodes(at: 3_607, chat: 0)],
            gone: [("ChatHub", 3_607)]),
        Case(
            "a restart in between begins a new hour",
            [
                .nodes(at: 0, chat: 0), .nodes(at: 3_000, chat: 0), .nodes(at: 3_060, chat: 1),
                .nodes(at: 3_120, chat: 0), .nodes(at: 6_000, chat: 0), .nodes(at: 6_720, chat: 0),
            ], gone: [("ChatHub", 6_720)]),
        Case(
            "Redis was away: a node may have been there",
            [
                .nodes(at: 0, chat: 0), .nodes(at: 3_500, chat: 0), .unknown, .nodes(at: 3_700, chat: 0),
                .nodes(at: 7_299, chat: 0), .nodes(at: 7_300, chat: 0),
            ], gone: [("ChatHub", 7_300)]),
        Case(
            "each hub has its own hour",
            [
                .nodes(at: 0, chat: 0, news: 1), .nodes(at: 600, chat: 0, news: 0), .nodes(at: 3_600, chat: 0, news: 0),
                .nodes(at: 4_200, chat: nil, news: 0),
            ], gone: [("ChatHub", 3_600), ("NewsHub", 4_200)]),
        Case(
            "a hub that was left and returns begins a new hour",
            [
                .nodes(at: 0, chat: 0), .nodes(at: 3_600, chat: 0), .nodes(at: 3_660, chat: nil),
                .nodes(at: 3_720, chat: 0), .nodes(at: 7_260, chat: 0), .nodes(at: 7_320, chat: 0),
            ], gone: [("ChatHub", 3_600), ("ChatHub", 7_320)]),
    ])
    func left(_ test: Case) {
        var absence = HubAbsence(longest: 3_600 * Self.second)
        var gone: [(String, UInt64)] = []
        for look in test.looks {
            switch look {
            case .unknown: absence.forget()
            case .nodes(let time, let chat, let news):
                let hubs = [(Self.chat, chat), (Self.news, news)].compactMap { hub, nodes in
                    nodes.map { (hub: hub, nodes: $0) }
                }
                gone += absence.look(hubs, at: time * Self.second).map { ($0.type, time) }
            }
        }
        #expect(gone.elementsEqual(test.gone) { $0 == $1 }, "\(gone)")
    }

    @Test func itLooksOnceAMinute() {
        var absence = HubAbsence(longest: 3_600 * Self.second)
        #expect(absence.isDue(at: 0))
        _ = absence.look([], at: 100 * Self.second)
        #expect(!absence.isDue(at: 159 * Self.second) && absence.isDue(at: 160 * Self.second))
        absence.forget()
        #expect(absence.isDue(at: 101 * Self.second))
    }

    @Test func anIndexKeepsItsMeaning() {
        let attached = AttachedChannels([.signalR2(key: "chat")])
        #expect(attached.attach([Self.chat, Self.news]) == 1..<3)
        #expect(attached.leave([Self.chat, CoreHub(type: "Other")]) == [1])
        #expect(attached.leave([Self.chat]) == [])
        #expect(attached.names == ["chat", "app:ChatHub", "app:NewsHub"])
        #expect(attached.watchedHubs == [Self.news] && attached.left == [1])
        #expect(attached.title == "chat, app:NewsHub")
        #expect(attached.attach([Self.chat]).isEmpty)
        #expect(attached.reattach([Self.chat, Self.news]) == [1])
        #expect(attached.watchedHubs == [Self.chat, Self.news] && attached.left.isEmpty)
        let only = AttachedChannels([])
        _ = only.attach([Self.chat])
        #expect(only.leave([Self.chat]) == [0] && only.title == "no hub has nodes, new hubs are followed")
    }
}
