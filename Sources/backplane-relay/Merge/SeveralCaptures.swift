import ArgumentParser
import Backplane
import Capture
import Time

/// Captures to compare, each a directory or a segment file.
struct SeveralCaptures: ParsableArguments {
    @Argument(help: "Captures of one backplane, two or more: directories that 'run --record' wrote, or .mcap files.")
    var capture: [String]

    @Option(
        help: ArgumentHelp("How far the clocks of machines that recorded in parallel may differ.", valueName: "time"))
    var horizon = TimeSpan(nanoseconds: CaptureAlignment.defaultHorizon)

    func validate() throws {
        guard (2...64).contains(capture.count) else {
            throw ValidationError("name two captures or more, up to 64; \(capture.count) given")
        }
    }

    /// Envelopes without ids cannot be aligned.
    ///
    /// - Throws: ``CoreNotAligned`` for the first selected hub of ASP.NET Core.
    func checkIDs(_ captures: [CaptureReader], selected: CaptureSelection, purpose: String) throws {
        let hubs = captures.flatMap { $0.backplanes() }.filter { $0.dialect == .core }.map(\.name)
            .filter { selected.channels.isEmpty || selected.channels.contains(OrdinalName($0)) }
        guard let first = hubs.min() else { return }
        throw CoreNotAligned(channel: first, purpose: purpose)
    }

    func open() throws -> [CaptureReader] {
        try capture.map { try CaptureReader(paths: [$0], streams: .refuse, horizon: horizon.nanoseconds) }
    }
}
