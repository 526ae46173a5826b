import Foundation

/// The segment files of a capture directory.
package enum CaptureFiles {
    /// Paths, in the order of names, which is chronological.
    package static func paths(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".mcap") }.sorted()
            .map { directory + "/" + $0 }
    }

    package static func mode(of path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
    }

    /// Checks each file with the independent `pymcap-cli doctor`.
    ///
    /// - Throws: ``TestFailure`` with its findings.
    package static func examine(_ files: [String]) async throws {
        for file in files {
            let doctor = try await Finished.running(.pymcap, ["doctor", file])
            guard doctor.exit == .code(0) else {
                throw TestFailure("pymcap-cli doctor \(file): \(doctor.exit)\n\(doctor.output)\(doctor.errors)")
            }
        }
    }
}
