import Foundation
import TestSupport

/// Sets the relay's clock of the day while it runs; the monotonic clocks stay true.
///
/// Not libfaketime: it changes other clocks, too, and does not let a wait last longer when the clock is set back.
struct SteppingClock: Sendable {
    private let library: String
    private let file: String

    init(in folder: String) async throws {
        library = try await Shim.compile("stepping_clock", in: folder)
        file = folder + "/clock"
        try set(seconds: 0)
    }

    /// For the relay whose clock it is.
    var environment: [String: String] { ["LD_PRELOAD": library, "STEPPING_CLOCK": file] }

    /// - Parameter seconds: from the true time.
    func set(seconds: Int) throws {
        try Data("\(seconds)".utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
    }
}
