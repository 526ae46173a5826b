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
    /// Says on standard error what could not be read.
    ///
    /// - Throws: exit status 3 if there was anything.
    func complain() throws {
        for loss in lossDescriptions.prefix(20) { StandardError.print("lost: \(loss)") }
        guard !damage.isEmpty else {
            if losses.isEmpty { return }
            throw ExitCode.lossOrDamage
        }
        for damage in damage.prefix(20) { StandardError.print("damage: \(damage)") }
        if damage.count > 20 { StandardError.print("damage: and \(Format.count(damage.count - 20, "more place"))") }
        StandardError.print(
            "\(Format.count(damage.count, "damaged place")); what could be read is complete")
        throw ExitCode.lossOrDamage
    }
}
