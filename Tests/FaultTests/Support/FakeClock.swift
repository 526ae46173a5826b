import Foundation
import TestSupport

/// Debian's `faketime` in the relay: its clock of the day is set while it runs; the monotonic clock stays true.
struct FakeClock: Sendable {
    private let file: String

    init(in folder: String) throws {
        file = folder + "/clock"
        try set(seconds: 0)
    }

    static let library: String? = ["x86_64", "aarch64"]
        .map { "/usr/lib/\($0)-linux-gnu/faketime/libfaketimeMT.so.1" }
        .first { FileManager.default.fileExists(atPath: $0) }

    /// For the relay whose clock it is.
    var environment: [String: String] {
        [
            "LD_PRELOAD": Self.library ?? "", "FAKETIME_TIMESTAMP_FILE": file, "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        ]
    }

    /// - Parameter seconds: from the true time.
    func set(seconds: Int) throws {
        try Data((seconds < 0 ? "\(seconds)" : "+\(seconds)").utf8)
            .write(to: URL(fileURLWithPath: file), options: .atomic)
    }
}
