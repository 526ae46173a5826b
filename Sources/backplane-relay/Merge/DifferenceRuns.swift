import Capture

/// Puts differences that follow one another into one line.
struct DifferenceRuns {
    struct Run {
        let sign: Character
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
            return "\(sign) \(channel)  \(ids)  \(count) \(count == 1 ? "envelope" : "envelopes")"
        }
    }

    /// Runs kept for printing.
    static let limit = 10_000

    /// Runs beyond the limit.
    private(set) var unlisted = 0
    private(set) var same = 0
    private(set) var counts: [Character: Int] = [:]
    private var runs: [Run] = []
    /// Index of the run of each channel that may grow.
    private var open: [String: Int] = [:]

    /// - Returns: what kind of difference it is; nil for none.
    mutating func add(_ envelope: CaptureAlignment.Envelope) -> Run? {
        let sign: Character
        if envelope.isConflict {
            sign = "!"
        } else if envelope.inputs.count > 1 {
            same += 1
            open[envelope.channel] = nil
            return nil
        } else {
            sign = envelope.inputs.contains(0) ? "<" : ">"
        }
        counts[sign, default: 0] += 1
        let run = Run(sign: sign, channel: envelope.channel, first: envelope.id, last: envelope.id)
        if let index = open[envelope.channel], runs[index].sign == sign, let last = runs[index].last,
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
