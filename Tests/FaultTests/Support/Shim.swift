import Foundation
import TestSupport

/// `Shims/failing_writes.c`, loaded into the relay: lets writes to segment files fail as a dying disk does.
struct Shim: Sendable {
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

    /// Compiles it with gcc into `folder`.
    static func make(in folder: String) async throws -> Shim {
        guard let source = Bundle.module.url(forResource: "failing_writes", withExtension: "c", subdirectory: "Shims")
        else { throw TestFailure("no Shims/failing_writes.c in the test bundle") }
        let library = folder + "/failing_writes.so"
        let compiled = try await Finished.running(
            .gcc, ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source.path, "-ldl"])
        guard compiled.exit == .code(0) else { throw TestFailure("gcc: \(compiled.errors)") }
        return Shim(library: library, switchFile: folder + "/failing_writes")
    }

    /// For the relay that is to suffer.
    var environment: [String: String] { ["LD_PRELOAD": library, "FAILING_WRITES": switchFile] }

    func fail(_ failure: Failure) throws {
        // As a whole or not at all: the relay may look at any moment.
        try Data(failure.rawValue.utf8).write(to: URL(fileURLWithPath: switchFile), options: .atomic)
    }

    func heal() throws {
        try FileManager.default.removeItem(atPath: switchFile)
    }
}
