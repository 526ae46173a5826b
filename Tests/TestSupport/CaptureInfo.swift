import Foundation

/// The parts of `info --json` that tests use.
package struct CaptureInfo: Decodable {
    package struct Segment: Decodable {
        package let path: String
        package let state: String
    }

    package struct Hole: Decodable, Equatable {
        package let from: UInt64
        package let to: UInt64
        package let cause: String

        package init(from: UInt64, to: UInt64, cause: String) {
            self.from = from
            self.to = to
            self.cause = cause
        }
    }

    package struct Reset: Decodable, Equatable {
        package let from: UInt64
        package let to: UInt64
    }

    package struct Channel: Decodable {
        package let channel: String
        package let envelopes: Int
        package let firstId: UInt64?
        package let lastId: UInt64?
        package let missingIds: UInt64
        package let holes: [Hole]
        package let counterResets: [Reset]
        package let mayBeMissing: Doubt?
    }

    /// Why it is unknown whether ids after the last one are missing.
    package struct Doubt: Decodable, Equatable {
        package let after: UInt64?
        package let reason: String
        package let cause: String?
    }

    package let segments: [Segment]
    package let envelopes: Int
    package let channels: [Channel]
    package let damage: [String]
    /// Nil if unknown.
    package let complete: Bool?

    package static func read(_ path: String) async throws -> CaptureInfo {
        let info = try await Finished.relay(["info", "--json", path])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(CaptureInfo.self, from: Data(info.output.utf8))
    }
}
