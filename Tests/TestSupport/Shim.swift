import Foundation

/// C code of `Shims`, loaded into the relay by `LD_PRELOAD`.
package enum Shim {
    /// Compiles it with gcc into `folder`.
    ///
    /// - Returns: the path of the library.
    package static func compile(_ name: String, in folder: String) async throws -> String {
        guard let source = Bundle.module.url(forResource: name, withExtension: "c", subdirectory: "Shims") else {
            throw TestFailure("no Shims/\(name).c in the test bundle")
        }
        let library = folder + "/\(name).so"
        let compiled = try await Finished.running(
            .gcc, ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source.path, "-ldl", "-pthread"])
        guard compiled.exit == .code(0) else { throw TestFailure("gcc: \(compiled.errors)") }
        return library
    }

    /// The combined environment variables of several shims for one relay.
    package static func environment(_ shims: [[String: String]]) -> [String: String] {
        shims.reduce(into: [:]) { all, one in all.merge(one) { $0 + ":" + $1 } }
    }
}
