import ArgumentParser
import Capture

struct CaptureArguments: ParsableArguments {
    @Argument(help: "Directories that 'run --record' wrote, or .mcap files; - is standard input.")
    var capture: [String]

    /// - Parameter streams: what is done with what comes through a pipe.
    func open(streams: StreamHandling = .read) throws -> CaptureReader {
        try CaptureReader(paths: capture, streams: streams)
    }
}

extension CaptureReadReport {
    /// Says on standard error what could not be read.
    ///
    /// - Throws: exit status 3 if there was anything.
    func complain() throws {
        tellForeign()
        for loss in lossDescriptions.prefix(20) { StandardError.print("lost: \(loss)") }
        guard !damage.isEmpty else {
            if losses.isEmpty { return }
            throw ExitCode.lossOrDamage
        }
        for damage in damage.prefix(20) { StandardError.print("damage: \(damage)") }
        if damage.count > 20 { StandardError.print("damage: and \(damage.count - 20) more places") }
        let unread =
            unreadBytes == 0 ? "" : "; \(unreadBytes) \(unreadBytes == 1 ? "byte" : "bytes") could not be read"
        StandardError.print("\(damage.count) damaged \(damage.count == 1 ? "place" : "places")\(unread)")
        throw ExitCode.lossOrDamage
    }

    /// Says on standard error what is not of SignalR.
    func tellForeign() {
        let count = foreignTopics.values.reduce(otherForeign, +)
        guard count > 0 else { return }
        let topics = foreignTopics.keys.sorted().prefix(5).map { "'\(MessageLine.printable($0.utf8))'" }
        let more = foreignTopics.count > topics.count || otherForeign > 0 ? ", ..." : ""
        StandardError.print(
            "\(Format.count(count)) \(count == 1 ? "message" : "messages") of other programs passed over: "
                + (foreignTopics.count == 1 ? "topic " : "topics ") + topics.joined(separator: ", ") + more)
    }
}
