import Foundation
import TestSupport

/// Lets writes to segment files fail as a dying disk does.
struct FailingWrites: Sendable {
    enum Failure: String, Sendable, CaseIterable {
        /// `pwrite` fails with EIO.
        case write
        /// It writes half of the bytes, then fails.
        case short
        /// `fdatasync` fails with EIO.
        case sync
    }

    private let library: String
    private let switchFile: String

    init(in folder: String) async throws {
        library = try await Shim.compile("failing_writes", in: folder)
        switchFile = folder + "/failing_writes"
    }

    /// For the relay that is to suffer.
    var environment: [String: String] { ["LD_PRELOAD": library, "FAILING_WRITES": switchFile] }

    func begin(_ failure: Failure) throws {
        // As a whole or not at all: the relay may look at any moment.
        try Data(failure.rawValue.utf8).write(to: URL(fileURLWithPath: switchFile), options: .atomic)
    }

    func end() throws {
        try FileManager.default.removeItem(atPath: switchFile)
    }
}
