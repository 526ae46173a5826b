import Foundation

/// What `info --json` says of a capture, as far as the tests look.
public struct CaptureInfo: Decodable {
    public struct Segment: Decodable {
        public let path: String
        public let state: String
    }

    public struct Hole: Decodable, Equatable {
        public let from: UInt64
        public let to: UInt64
        public let cause: String

        public init(from: UInt64, to: UInt64, cause: String) {
            self.from = from
            self.to = to
            self.cause = cause
        }
    }

    public struct Reset: Decodable, Equatable {
        public let from: UInt64
        public let to: UInt64
    }

    public struct Channel: Decodable {
        public let channel: String
        public let envelopes: Int
        public let firstId: UInt64?
        public let lastId: UInt64?
        public let missingIds: UInt64
        public let holes: [Hole]
        public let counterResets: [Reset]
        public let mayBeMissing: Doubt?
    }

    /// Why nobody can tell whether ids are missing behind the last one.
    public struct Doubt: Decodable, Equatable {
        public let after: UInt64?
        public let reason: String
        public let cause: String?
    }

    public let segments: [Segment]
    public let envelopes: Int
    public let channels: [Channel]
    public let damage: [String]
    /// nil where it cannot be told.
    public let complete: Bool?

    public static func read(_ path: String) async throws -> CaptureInfo {
        let info = try await Finished.relay(["info", "--json", path])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(CaptureInfo.self, from: Data(info.output.utf8))
    }
}
