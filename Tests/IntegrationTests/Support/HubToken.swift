import Foundation
import Testing

/// A connection token from `negotiate`.
enum HubToken {
    /// - Returns: the token, encoded for a query.
    static func negotiate(port: Int, query: String = "clientProtocol=1.5") async throws -> String {
        try await RawHTTP.with(port: port, "GET", "/signalr/negotiate?\(query)") { response in
            let body = try await response.rest()
            let token = try #require(body.firstMatch(of: #/"ConnectionToken":"([^"]+)"/#)?.1)
            return try #require(String(token).addingPercentEncoding(withAllowedCharacters: .alphanumerics))
        }
    }
}
