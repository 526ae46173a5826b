import Backplane
import TestSupport
import Testing

@testable import HubNode

@Suite("Splitting the messages of ASP.NET Core clients")
struct CoreInboxTests {
    private static let text = [#"{"type":6}"#, #"{"type":1,"target":"é 👍","arguments":[]}"#, "", "{bad"]
        .map { Array("\($0)\u{1E}".utf8) }
    private static let packed: [[UInt8]] = [
        [0x02, 0x91, 0x06], [0x00], [0xAC, 0x02] + [UInt8](repeating: 0x1E, count: 300), [0x03, 0x1E, 0x1E, 0x1E],
    ]

    private func divided(
        _ pieces: [ArraySlice<UInt8>], _ format: CoreFormat?, limit: Int = 1_000
    ) throws -> [[UInt8]] {
        var inbox = CoreInbox(limit: limit)
        inbox.format = format
        var messages: [[UInt8]] = []
        for piece in pieces {
            inbox.append(piece)
            while let message = try inbox.next() { messages.append(message) }
        }
        return messages
    }

    @Test("the messages do not depend on the fragments", arguments: [CoreFormat.json, .messagePack])
    func cut(format: CoreFormat) throws {
        let messages = format == .json ? Self.text : Self.packed
        let bytes = messages.flatMap { $0 }
        for cut in bytes.indices {
            #expect(try divided([bytes[..<cut], bytes[cut...]], format) == messages)
        }
        #expect(try divided(bytes.indices.map { bytes[$0...$0] }, format) == messages)
        // An incomplete message stays.
        for end in bytes.indices {
            let whole = try divided([bytes[..<end]], format)
            #expect(whole.count < messages.count && whole == Array(messages.prefix(whole.count)))
        }
    }

    private static let limits: [(format: CoreFormat, bytes: [UInt8], failure: CoreInbox.Failure?)] = [
        (.json, Array(repeating: 0x20, count: 10), nil), (.json, Array(repeating: 0x20, count: 10) + [0x1E], nil),
        (.json, Array(repeating: 0x20, count: 11), .tooLarge(limit: 10)),
        (.json, Array(repeating: 0x20, count: 11) + [0x1E], .tooLarge(limit: 10)),
        (.messagePack, [10] + Array(repeating: 0, count: 10), nil), (.messagePack, [11], .tooLarge(limit: 10)),
        (.messagePack, [0x80, 0x80, 0x80, 0x80, 0x80], .badLength),
        (.messagePack, [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], .badLength),
        (.messagePack, [0xFF, 0xFF, 0xFF, 0xFF, 0x07], .tooLarge(limit: 10)),
        (.messagePack, [0x8A, 0x80, 0x80, 0x80, 0x00] + Array(repeating: 0, count: 10), nil),
    ]

    @Test("a message above the limit is refused as soon as its size is known", arguments: limits.indices)
    func limit(index: Int) throws {
        let (format, bytes, failure) = Self.limits[index]
        if let failure {
            #expect(throws: failure) { try divided([bytes[...]], format, limit: 10) }
        } else {
            _ = try divided([bytes[...]], format, limit: 10)
        }
    }

    @Test("random bytes are messages or errors, never longer than the input")
    func random() {
        var random = SplitMix64(seed: 20)
        for _ in 0..<2_000 {
            let format: CoreFormat = Bool.random(using: &random) ? .json : .messagePack
            var inbox = CoreInbox(limit: 64)
            inbox.format = format
            var count = 0
            for _ in 0..<8 {
                let piece = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                    UInt8.random(in: 0...0x40, using: &random)
                }
                count += piece.count
                inbox.append(piece)
                do {
                    while let message = try inbox.next() {
                        count -= message.count
                        _ = try? CoreClientMessage(message, format)
                    }
                } catch {
                    break
                }
                #expect(inbox.count == count)
            }
        }
    }
}
