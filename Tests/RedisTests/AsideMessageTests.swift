import Synchronization
import Testing

@testable import Redis

/// Messages that are not envelopes are delivered in order with the envelopes.
@Suite struct AsideMessageTests {
    private final class Sink: EnvelopeSink {
        let heard = Mutex<[String]>([])

        func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }
        func deliver(_ batch: EnvelopeBatch) {
            heard.withLock {
                $0 += batch.envelopes.map { "\($0.channel) \(String(decoding: $0.payload, as: UTF8.self))" }
            }
        }
        func aside(_ payload: [UInt8]) {
            heard.withLock { $0.append("aside \(String(decoding: payload, as: UTF8.self))") }
        }
        func subscribed(_ subscription: Subscription) {}
        func disconnected(_ cause: DisconnectCause) {}
    }

    private static let names = [
        SubscribedName(channel: "chat", index: 0), SubscribedName(aside: Array("relay:mark".utf8)),
    ]
    private static let stream =
        Wire.message("chat", "1 a") + Wire.message("relay:mark", "1") + Wire.message("relay:mark", "2")
        + Wire.message("chat", "2 b") + Wire.message("other", "x") + Wire.message("relay:mark", "3")

    @Test("in their order, however the stream is cut", arguments: 1...40)
    func order(size: Int) {
        let sink = Sink()
        let reader = RESPReader(names: Self.names)
        reader.batch = sink.nextBatch()
        reader.sink = sink
        for start in stride(from: 0, to: Self.stream.count, by: size) {
            let piece = Self.stream[start..<min(start + size, Self.stream.count)]
            #expect(piece.withUnsafeBytes { reader.feed($0) } == nil)
        }
        #expect(sink.heard.withLock { $0 } == ["0 1 a", "aside 1", "aside 2", "0 2 b", "aside 3"])
        #expect(reader.strayMessages == 1)
        #expect(reader.batch?.count == 0 && reader.takeReplies().isEmpty)
    }

    @Test("before the subscription is confirmed they are not delivered")
    func early() {
        let sink = Sink()
        let reader = RESPReader(names: Self.names)
        reader.batch = sink.nextBatch()
        #expect(Self.stream.withUnsafeBytes { reader.feed($0) } == nil)
        #expect(sink.heard.withLock { $0 }.isEmpty)
        #expect(reader.batch?.count == 2)
    }
}
