import Redis
import Testing

@testable import Relay

/// How far a link is behind, and how long an outage the backlog covers.
@Suite struct TapHeadroomTests {
    private static let second: UInt64 = 1_000_000_000

    private static func report(_ offset: Int, history: String = "h") throws -> ReplicationReport {
        try #require(
            ReplicationReport(
                info:
                    "role:master\r\nmaster_replid:\(history)\r\nmaster_repl_offset:\(offset)\r\nrepl_backlog_size:1000000\r\n"
            ))
    }

    @Test func rate() throws {
        var headroom = TapHeadroom()
        func at(_ seconds: UInt64, _ offset: Int, _ position: Int64?) throws -> TapHeadroom.Reading? {
            headroom.look(
                try Self.report(offset), position: position.map { ReplicationPosition(history: "h", offset: $0) },
                at: seconds * Self.second)
        }
        let first = try at(10, 1_000, 1_000)
        #expect(first?.backlogSeconds == nil && first?.lagBytes == 0 && first?.backlogBytes == 1_000_000)
        // 10 kB/s
        #expect(try at(20, 101_000, 101_000)?.backlogSeconds == 100)
        let behind = try at(25, 151_000, 141_000)
        #expect(behind?.lagBytes == 10_000 && behind?.lagSeconds == 0)
        #expect(try at(30, 201_000, 150_000)?.lagSeconds == 5)
        // It has caught up with what was outstanding, and something newer is.
        let newer = try at(35, 251_000, 240_000)
        #expect(newer?.lagSeconds == 0 && newer?.lagBytes == 11_000)
        // Only the last minute counts.
        let quiet = try at(200, 251_000, 251_000)
        #expect(quiet?.lagBytes == 0)
        #expect(try at(201, 251_000, 251_000)?.backlogSeconds == 604_800)
    }

    @Test("another history has its own rate, and an answer without the figures gives none")
    func history() throws {
        var headroom = TapHeadroom()
        _ = headroom.look(try Self.report(1_000), position: nil, at: Self.second)
        let other = headroom.look(try Self.report(9_000_000, history: "i"), position: nil, at: 2 * Self.second)
        #expect(other?.backlogSeconds == nil && other?.lagBytes == 0)
        let bare = try #require(ReplicationReport(info: "role:master\r\n"))
        #expect(headroom.look(bare, position: nil, at: 3 * Self.second) == nil)
    }
}
