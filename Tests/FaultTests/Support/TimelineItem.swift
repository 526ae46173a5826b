import Foundation
import TestSupport

/// The content of a capture, in recording order.
enum TimelineItem: Sendable {
    case envelope([UInt8])
    case event(RelayEvent)

    /// Reads a capture with Python's `mcap`, verifying every checksum.
    static func read(_ directory: String, channel: String) async throws -> [TimelineItem] {
        let messages = try await MCAPMessage.read(CaptureFiles.paths(in: directory))
        let byFile = Dictionary(grouping: messages, by: \.file)
        return try order(byFile).flatMap { file in
            try (byFile[file] ?? []).compactMap { message in
                if message.isEvent {
                    let event = try JSONDecoder().decode(RelayEvent.self, from: message.data)
                    return event.channel == nil || event.channel == channel ? .event(event) : nil
                }
                return message.topic == channel ? .envelope(Array(message.data)) : nil
            }
        }
    }

    /// Each segment follows its named predecessor: file names mislead if the clock was set.
    private static func order(_ byFile: [String: [MCAPMessage]]) throws -> [String] {
        struct Begun: Decodable {
            let event: String
            let previous: String?
        }
        var next: [String: [String]] = [:]
        var first: [String] = []
        for (file, messages) in byFile.sorted(by: { $0.key < $1.key }) {
            let begun = try messages.lazy.filter(\.isEvent).map { try JSONDecoder().decode(Begun.self, from: $0.data) }
                .first { $0.event == "segment" }
            if let previous = begun?.previous, byFile[previous] != nil {
                next[previous, default: []].append(file)
            } else {
                first.append(file)
            }
        }
        var order: [String] = []
        var waiting = Array(first.reversed())
        while let file = waiting.popLast() {
            order.append(file)
            waiting += (next[file] ?? []).reversed()
        }
        return order
    }
}
