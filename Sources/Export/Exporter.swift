package import Backplane
package import Capture

/// Writes a capture as text of another form, envelope by envelope, into a buffer that the caller empties.
package protocol Exporter {
    /// What stands before the first envelope.
    mutating func begin(into output: inout [UInt8])
    mutating func append(_ envelope: CapturedEnvelope, to output: inout [UInt8])
    /// Envelopes that have no place in this form.
    var skipped: Int { get }
}

/// The forms there are.
package enum ExportFormat: String, Sendable, CaseIterable {
    /// An object an envelope, as `cat --json` prints it.
    case jsonl
    /// A row a message, RFC 4180.
    case csv
    /// Commands for `redis-cli --pipe` that publish it: by the node's own script, or by PUBLISH.
    case resp
    /// A database, ``SQLiteExport``.
    case sqlite

    /// - Parameter channels: of the capture.
    /// - Returns: nil for a form that is no stream.
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
