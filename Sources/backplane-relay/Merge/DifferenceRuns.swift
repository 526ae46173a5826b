import Backplane
import Capture
import JSON

/// Combines consecutive differences into one line.
struct DifferenceRuns {
    enum Kind: Character, CaseIterable {
        case onlyInFirst = "<"
        case onlyInSecond = ">"
        /// Same id, different bytes.
        case conflict = "!"

        /// For JSON.
        var label: String {
            switch self {
            case .onlyInFirst: "only_in_first"
            case .onlyInSecond: "only_in_second"
            case .conflict: "other_bytes"
            }
        }
    }

    struct Run {
        let kind: Kind
        let channel: String
        var first: UInt64?
        var last: UInt64?
        var count = 1

        var text: String {
            let ids: String
            switch (first, last) {
            case (let first?, let last?): ids = first == last ? "id \(first)" : "ids \(first)..\(last)"
            default: ids = "without id"
            }
            return "\(kind.rawValue) \(channel)  \(ids)  \(count) \(count == 1 ? "envelope" : "envelopes")"
        }

        /// `{"difference", "channel", "from_id", "to_id", "envelopes"}`; ids are null if absent.
        var json: [UInt8] {
            var writer = JSONWriter()
            writer.raw(#"{"difference":"\#(kind.label)","channel":"#)
            writer.string(channel)
            let ids = [first, last].map { id in id.map { "\($0)" } ?? "null" }
            writer.raw(#","from_id":\#(ids[0]),"to_id":\#(ids[1]),"envelopes":\#(count)}"#)
            return writer.bytes
        }
    }

    /// Runs kept for printing.
    static let limit = 10_000

    /// Number of runs beyond the limit.
    private(set) var unlisted = 0
    private(set) var same = 0
    private(set) var counts: [Kind: Int] = [:]
    private var runs: [Run] = []
    /// Index of each channel's run that may still grow.
    private var open: OrdinalNameMap<Int> = [:]

    /// - Returns: the kind of difference; nil if there is none.
    mutating func add(_ envelope: CaptureAlignment.Envelope) -> Run? {
        let kind: Kind
        if envelope.isConflict {
            kind = .conflict
        } else if envelope.inputs.count > 1 {
            same += 1
            open[envelope.channel] = nil
            return nil
        } else {
            kind = envelope.inputs.contains(0) ? .onlyInFirst : .onlyInSecond
        }
        counts[kind, default: 0] += 1
        let run = Run(kind: kind, channel: envelope.channel, first: envelope.id, last: envelope.id)
        if let index = open[envelope.channel], runs[index].kind == kind, let last = runs[index].last,
            let id = envelope.id, id >= last
        {
            runs[index].last = id
            runs[index].count += 1
        } else if runs.count < Self.limit {
            open[envelope.channel] = runs.count
            runs.append(run)
        } else {
            open[envelope.channel] = nil
            unlisted += 1
        }
        return run
    }

    func finished() -> [Run] { runs }
}
