@testable import Redis

/// One payload taken from a batch.
struct ReceivedEnvelope: Equatable, Sendable {
    var channel: Int
    var payload: [UInt8]

    init(_ channel: Int, _ payload: [UInt8]) {
        self.channel = channel
        self.payload = payload
    }

    init(_ channel: Int, _ payload: String) {
        self.init(channel, Array(payload.utf8))
    }
}

extension EnvelopeBatch {
    var envelopes: [ReceivedEnvelope] {
        var envelopes: [ReceivedEnvelope] = []
        func add(channel: Int, receivedAt: UInt64, payload: UnsafeRawBufferPointer) {
            envelopes.append(ReceivedEnvelope(channel, Array(payload)))
        }
        forEach(add)
        return envelopes
    }

    /// When each envelope was received.
    var stamps: [UInt64] {
        var stamps: [UInt64] = []
        func add(channel: Int, receivedAt: UInt64, payload: UnsafeRawBufferPointer) { stamps.append(receivedAt) }
        forEach(add)
        return stamps
    }
}

/// Everything that a ``RESPReader`` extracts from a stream.
struct Reading: Equatable {
    var replies: [RESPValue] = []
    var envelopes: [ReceivedEnvelope] = []
    var stray = 0
    var problem: String?

    /// Feeds the pieces to a new reader, up to the first problem.
    init(of pieces: some Sequence<ArraySlice<UInt8>>, channels: [String], longestElement: Int = 1 << 30) {
        let reader = RESPReader(channels: channels, longestElement: longestElement)
        let batch = EnvelopeBatch()
        reader.batch = batch
        for piece in pieces {
            problem = piece.withUnsafeBytes { reader.feed($0) }
            replies += reader.takeReplies()
            if problem != nil { break }
        }
        envelopes = batch.envelopes
        stray = reader.strayMessages
    }

    init(of bytes: [UInt8], channels: [String] = []) {
        self.init(of: [bytes[...]], channels: channels)
    }

    init(of text: String, channels: [String] = []) {
        self.init(of: Array(text.utf8), channels: channels)
    }

    init(
        replies: [RESPValue] = [], envelopes: [ReceivedEnvelope] = [], stray: Int = 0, problem: String? = nil
    ) {
        self.replies = replies
        self.envelopes = envelopes
        self.stray = stray
        self.problem = problem
    }
}

extension [UInt8] {
    /// The bytes in pieces of random length, 1 to `longest`.
    func randomPieces(longest: Int, using random: inout some RandomNumberGenerator) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < count {
            let end = Swift.min(count, start + Int.random(in: 1...longest, using: &random))
            pieces.append(self[start..<end])
            start = end
        }
        return pieces
    }
}
