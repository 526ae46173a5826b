package import Backplane
package import Capture

/// Writes a capture in another text format, envelope by envelope, into a buffer that the caller empties.
package protocol Exporter {
    /// Writes the header of the format.
    mutating func begin(into output: inout [UInt8])
    mutating func append(_ envelope: CapturedEnvelope, to output: inout [UInt8])
    /// Envelopes that the format cannot represent.
    var skipped: Int { get }
}

/// The available formats.
package enum ExportFormat: String, Sendable, CaseIterable {
    /// One object per envelope, as printed by `cat --json`.
    case jsonl
    /// One row per message, RFC 4180.
    case csv
    /// Commands for `redis-cli --pipe` that publish each envelope: with the node's own script, or by PUBLISH.
    case resp
    /// A database, ``SQLiteExport``.
    case sqlite

    /// - Parameter channels: of the capture.
    /// - Returns: nil for a format that is not a stream.
    package func exporter(of channels: Set<BackplaneChannel>) -> (any Exporter)? {
        switch self {
        case .jsonl: JSONLinesExporter()
        case .csv: CSVExporter()
        case .resp:
            RESPExporter(loadsScript: channels.isEmpty || channels.contains { $0.dialect == .signalR2 })
        case .sqlite: nil
        }
    }
}

/// One object per envelope, one per line.
struct JSONLinesExporter: Exporter {
    let skipped = 0

    func begin(into output: inout [UInt8]) {}

    func append(_ envelope: CapturedEnvelope, to output: inout [UInt8]) {
        EnvelopeJSON.append(envelope, to: &output)
        output.append(UInt8(ascii: "\n"))
    }
}
