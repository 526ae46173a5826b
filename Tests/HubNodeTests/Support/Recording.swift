import Foundation
import Testing

@testable import HubNode

/// A real node's response to one request (Vectors/signalr2-http.txt).
struct Recording {
    let path: String
    let query: FormFields
    let status: Int
    /// The lines of the body, including chunk sizes.
    let lines: [String]

    /// - Parameter token: replaces the connection token of the recording.
    static func named(_ title: String, token: String = "") throws -> Recording {
        let file = try #require(
            Bundle.module.url(forResource: "signalr2-http", withExtension: "txt", subdirectory: "Vectors"))
        let recordings = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "=== ")
        let text = try #require(recordings.first { $0.hasPrefix(title + "\n") }, "no recording '\(title)'")
        let lines = text.components(separatedBy: "\n").dropFirst()
        let request = try #require(lines.first { $0.hasPrefix("> GET ") || $0.hasPrefix("> POST ") })
        let encodedToken = token.replacing("+", with: "%2B")
        let target = try #require(request.split(separator: " ").last.map(String.init)).replacing(
            "<TOKEN>", with: encodedToken)
        let status = try #require(lines.first { $0.hasPrefix("HTTP/1.1 ") }?.split(separator: " ")[1])
        let (path, query) = FormFields.split(uri: target)
        return Recording(
            path: path, query: query, status: try #require(Int(status)),
            lines: Array(lines.drop { !$0.isEmpty }.dropFirst()))
    }

    /// The body if it is one chunk with one line; empty without one.
    var text: String {
        guard let size = lines.first, Int(size, radix: 16) != nil, lines.count > 1 else { return "" }
        return lines[1]
    }
}
