import ArgumentParser
import Capture

struct CaptureArguments: ParsableArguments {
    @Argument(help: "Directories that 'run --record' wrote, or .mcap files.")
    var capture: [String]

    func open() throws -> CaptureReader {
        try CaptureReader(paths: capture)
    }
}

extension CaptureReadReport {
    /// Says on standard error what could not be read, what the recording lost, and where that cannot be told.
    ///
    /// - Parameter verdict: of a reading that knows more than the events; nil for that of the events.
    /// - Throws: exit status 3 for loss or damage.
    func complain(verdict: RecordingVerdict? = nil) throws {
        let verdict = verdict ?? self.verdict
        for loss in lossDescriptions.prefix(20) { StandardError.print("lost: \(loss)") }
        for damage in damage.prefix(20) { StandardError.print("damage: \(damage)") }
        if damage.count > 20 { StandardError.print("damage: and \(Format.count(damage.count - 20, "more place"))") }
        if !damage.isEmpty {
            StandardError.print("\(Format.count(damage.count, "damaged place")); what could be read is complete")
        }
        if verdict.hasLoss {
            StandardError.print(
                "lost: the recording lost envelopes while it should have run; 'info' says which and why")
        }
        try verdict.exit()
    }
}

extension RecordingVerdict {
    /// - Throws: the exit status, unless it is 0.
    func exit() throws {
        if exitStatus != 0 { throw ExitCode(exitStatus) }
    }
}

extension [String: RecordingDoubt] {
    /// Lines for people, by channel.
    var lines: [String] {
        sorted { $0.key < $1.key }.map { channel, doubt in
            "channel \(MessageLine.printable(channel.utf8)): \(doubt.text)"
        }
    }
}
