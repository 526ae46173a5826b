import Foundation

/// Makes writes to segment files fail like on a failing disk.
package struct FailingWrites: Sendable {
    package enum Failure: String, Sendable, CaseIterable {
        /// `pwrite` fails with EIO.
        case write
        /// It writes half of the bytes, then fails.
        case short
        /// `fdatasync` fails with EIO.
        case sync
        /// It writes everything, a second late.
        case slow
        /// It does not return before the failure ends, like on a network file system whose server is gone.
        case stuck
    }

    private let library: String
    private let switchFile: String

    package init(in folder: String) async throws {
        library = try await Shim.compile("failing_writes", in: folder)
        switchFile = folder + "/failing_writes"
    }

    /// For the affected relay.
    package var environment: [String: String] { ["LD_PRELOAD": library, "FAILING_WRITES": switchFile] }

    package func begin(_ failure: Failure) throws {
        // Atomically: the relay may check at any time.
        try Data(failure.rawValue.utf8).write(to: URL(fileURLWithPath: switchFile), options: .atomic)
    }

    package func end() throws {
        try FileManager.default.removeItem(atPath: switchFile)
    }
}
