import Foundation
import TestSupport
import Testing

/// A recorded exchange of a client with a real SignalR 2.4 node.
struct HTTPExchange: Sendable, CustomTestStringConvertible {
    let title: String
    let method: String
    let target: String
    /// The posted form; nil without one.
    let form: String?
    let status: Int
    /// Without headers that differ between servers.
    let headers: [String: String]
    /// With chunks joined.
    let body: String
    /// The node did not end the response.
    let staysOpen: Bool

    var testDescription: String { title }

    /// In the order of the recording.
    static let all: [HTTPExchange] = load()

    static func named(_ title: String) throws -> HTTPExchange {
        guard let exchange = all.first(where: { $0.title == title }) else {
            throw TestFailure("no exchange '\(title)' in signalr2-http.txt")
        }
        return exchange
    }

    private static let serversOwn: Set = [
        "server", "date", "connection", "transfer-encoding", "content-length", "keep-alive",
    ]

    private static func load() -> [HTTPExchange] {
        guard let file = Bundle.module.url(forResource: "Vectors/signalr2-http", withExtension: "txt"),
            let text = try? String(contentsOf: file, encoding: .utf8)
        else { return [] }
        return text.replacingOccurrences(of: "\r\n", with: "\n").components(separatedBy: "=== ").dropFirst()
            .compactMap(parse)
    }

    private static func parse(_ text: String) -> HTTPExchange? {
        var lines = text.components(separatedBy: "\n")[...]
        let title = lines.removeFirst()
        guard let request = lines.popFirst()?.dropFirst(2).split(separator: " "), request.count == 2 else { return nil }
        var form: String?
        if let line = lines.first, line.hasPrefix("> body: ") {
            form = String(line.dropFirst("> body: ".count))
            lines.removeFirst()
        }
        var status = 0
        var headers: [String: String] = [:]
        if let line = lines.first, line.hasPrefix("HTTP/1.1 ") {
            status = Int(line.split(separator: " ")[1]) ?? 0
            lines.removeFirst()
            while let line = lines.popFirst(), !line.isEmpty {
                let parts = line.split(separator: ":", maxSplits: 1)
                let name = parts[0].lowercased()
                if !serversOwn.contains(name) {
                    headers[name] = parts[1].trimmingCharacters(in: .whitespaces)
                }
            }
        }
        let rest = lines.joined(separator: "\n")
        return HTTPExchange(
            title: title, method: String(request[0]), target: String(request[1]), form: form, status: status,
            headers: headers, body: dechunked(rest), staysOpen: rest.contains("<still open after "))
    }

    /// Chunk sizes count the original bytes; line ends were changed since, so size lines are recognized by their form.
    private static func dechunked(_ text: String) -> String {
        var body: [String] = []
        for line in text.components(separatedBy: "\n") {
            if line.hasPrefix("<still open after ") { break }
            if !line.isEmpty, line.count < 6, Int(line, radix: 16) != nil { continue }
            body.append(line)
        }
        return body.joined(separator: "\n")
    }
}
