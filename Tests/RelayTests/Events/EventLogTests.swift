import Logging
import NIOConcurrencyHelpers
import Testing

@testable import Relay

@Suite struct EventLogTests {
    private struct Lines: LogHandler {
        let lines: NIOLockedValueBox<[String]>
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            lines.withLockedValue { $0.append(([event.message.description] + metadata).joined(separator: " ")) }
        }
    }

    /// Ids 1, 1, 2, 3, 10 within a second: the duplicate must not delay the gap.
    @Test func kindsAreLimitedSeparatelyAndTheEndReportsSuppressedEvents() {
        let lines = NIOLockedValueBox<[String]>([])
        var log = EventLog(Logger(label: "test") { _ in Lines(lines: lines) })
        let second = UInt64(1_000_000_000)
        for (kind, at) in [
            ("duplicate", second), ("gap", second + 1), ("gap", second + 2), ("gap", second + 3),
            ("duplicate", second + 4),
        ] as [(String, UInt64)] { log.write(.warning, "\(kind)", kind: kind, at: at, ["at": "\(at - second)"]) }
        #expect(lines.withLockedValue { $0 } == ["duplicate at=0", "gap at=1"])
        log.flush(at: second + 5)
        #expect(lines.withLockedValue { $0.count } == 2, "the second has not elapsed")
        log.flush(at: 2 * second)
        log.flush(at: .max)
        log.flush(at: .max)
        #expect(
            lines.withLockedValue { $0.suffix(2) } == [
                "similar events, not logged individually event=duplicate suppressed=1",
                "similar events, not logged individually event=gap suppressed=2",
            ])
        log.write(.warning, "gap", kind: "gap", at: 3 * second, [:])
        #expect(lines.withLockedValue { $0.last } == "gap", "nothing is logged twice")
    }
}
