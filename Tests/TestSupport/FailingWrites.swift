import Foundation

/// Lets writes to segment files fail as a dying disk does.
public struct FailingWrites: Sendable {
    public enum Failure: String, Sendable, CaseIterable {
        /// `pwrite` fails with EIO.
        case write
        /// It writes half of the bytes, then fails.
        case short
        /// `fdatasync` fails with EIO.
        case sync
        /// It writes all, a second late.
        case slow
        /// It does not come back before the failure ends, as on a network file system whose server is gone.
        case stuck
    }

    private let library: String
    private let switchFile: String

    public init(in folder: String) async throws {
        library = try await Shim.compile("failing_writes", in: folder)
        switchFile = folder + "/failing_writes"
    }

    /// For the relay that is to suffer.
    public var environment: [String: String] { ["LD_PRELOAD": library, "FAILING_WRITES": switchFile] }

    public func begin(_ failure: Failure) throws {
        // As a whole or not at all: the relay may look at any moment.
        try Data(failure.rawValue.utf8).write(to: URL(fileURLWithPath: switchFile), options: .atomic)
    }

    public func end() throws {
        try FileManager.default.removeItem(atPath: switchFile)
    }
}
