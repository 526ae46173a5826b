import Foundation
import FoundationNetworking

/// The response of a local server to a GET.
package struct HTTPAnswer {
    package let status: Int
    package let contentType: String
    package let body: String

    /// - Returns: nil while there is no response.
    package static func get(port: Int, _ path: String, accept: String? = nil) async throws -> HTTPAnswer? {
        try? await demand(port: port, path, accept: accept)
    }

    /// - Throws: `URLError` without a complete response.
    package static func demand(port: Int, _ path: String, accept: String? = nil) async throws -> HTTPAnswer {
        guard let url = URL(string: "http://127.0.0.1:\(port)\(path)") else { throw TestFailure("no URL: \(path)") }
        var request = URLRequest(url: url, timeoutInterval: 10)
        if let accept { request.setValue(accept, forHTTPHeaderField: "Accept") }
        request.setValue("close", forHTTPHeaderField: "Connection")
        let (data, response) = try await session.data(for: request)
        guard let answer = response as? HTTPURLResponse else { throw TestFailure("no HTTP from \(url)") }
        return HTTPAnswer(
            status: answer.statusCode, contentType: answer.value(forHTTPHeaderField: "Content-Type") ?? "",
            body: String(decoding: data, as: UTF8.self))
    }

    private static let session = URLSession(configuration: .ephemeral)
}
