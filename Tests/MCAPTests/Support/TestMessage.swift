import MCAP
import TestSupport

/// A message given to a writer, to compare with a reader's result.
struct TestMessage: Equatable, Sendable {
    var channelID: UInt16
    var sequence: UInt32
    var logTime: UInt64
    var publishTime: UInt64
    var data: [UInt8]

    /// Chunks of messages on three channels, with ascending log times and compressible data.
    static func chunks(_ count: Int, messagesEach: Int, dataSize: ClosedRange<Int>, seed: UInt64) -> [[TestMessage]] {
        var random = SplitMix64(seed: seed)
        var time: UInt64 = 1_700_000_000_000_000_000
        var sequence: UInt32 = 0
        return (0..<count).map { _ in
            (0..<messagesEach).map { _ in
                time += .random(in: 0...1_000_000, using: &random)
                sequence += 1
                let word = UInt8.random(in: 97...122, using: &random)
                return TestMessage(
                    channelID: [1, 2, 700].randomElement(using: &random) ?? 1, sequence: sequence, logTime: time,
                    publishTime: time - .random(in: 0...5_000_000, using: &random),
                    data: (0..<Int.random(in: dataSize, using: &random)).map {
                        $0.isMultiple(of: 7) ? .random(in: 0...255, using: &random) : word
                    })
            }
        }
    }

    /// The same ids with other meanings.
    static let otherChannels = [1, 2, 700].map { Channel(id: $0, topic: "other \($0)", messageEncoding: "raw") }

    static let channels = [
        Channel(id: 1, topic: "chat", messageEncoding: "signalr-redis"),
        Channel(id: 2, topic: "relay.events", messageEncoding: "json", metadata: ["b": "2", "a": "1"]),
        Channel(id: 700, topic: "größer", messageEncoding: "raw"),
    ]
}

extension DecodedChunk {
    var messages: [TestMessage] {
        var messages: [TestMessage] = []
        forEachMessage {
            messages.append(
                TestMessage(
                    channelID: $0.channelID, sequence: $0.sequence, logTime: $0.logTime, publishTime: $0.publishTime,
                    data: Array($0.data)))
        }
        return messages
    }
}
