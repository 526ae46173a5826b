import Foundation

/// What `info --json` says of a capture, as far as the tests look.
struct CaptureInfo: Decodable {
    struct Segment: Decodable {
        let path: String
        let state: String
    }

    struct Hole: Decodable, Equatable {
        let from: UInt64
        let to: UInt64
        let cause: String
    }

    struct Channel: Decodable {
        let channel: String
        let envelopes: Int
        let firstId: UInt64?
        let lastId: UInt64?
        let missingIds: UInt64
        let holes: [Hole]
    }

    let segments: [Segment]
    let envelopes: Int
    let channels: [Channel]
    let damage: [String]

    static func read(_ path: String) async throws -> CaptureInfo {
        let info = try await Finished.relay(["info", "--json", path])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(CaptureInfo.self, from: Data(info.output.utf8))
    }
}
