/// A payload that bypasses the reader, whose buffer would hold all of it and be copied: it gets exactly the memory it
/// needs, or only its start is kept.
struct LargePayload {
    enum Outcome: Equatable {
        case unfinished
        /// All of it has arrived, including its line end.
        case whole
        /// No line end after it.
        case malformed
    }

    /// Enough for the id at the start of a payload.
    private static let startBytes = 64
    private static let lineEnd: [UInt8] = [13, 10]

    /// Bytes of the payload.
    let count: Int
    /// The header before it in the batch; empty if it is kept unchanged.
    private let header: [UInt8]
    /// Index of the channel; -1 if it was not requested.
    let channel: Int
    let admission: PayloadAdmission
    /// nil if it is skipped.
    private let memory: UnsafeMutableRawPointer?
    private var received = 0
    private var lineEndReceived = 0
    private var start: [UInt8] = []

    init(count: Int, header: [UInt8] = [], channel: Int, admission: PayloadAdmission) {
        self.count = count
        self.header = header
        self.channel = channel
        self.admission = admission
        guard admission == .take else {
            memory = nil
            return
        }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: header.count + count, alignment: 16)
        header.withUnsafeBytes { if let start = $0.baseAddress { memory.copyMemory(from: start, byteCount: $0.count) } }
        self.memory = memory
    }

    /// Its size in the batch.
    var heldCount: Int { header.count + count }

    /// Takes its bytes from the front of `bytes`.
    mutating func take(_ bytes: inout Slice<UnsafeRawBufferPointer>) -> Outcome {
        let piece = UnsafeRawBufferPointer(rebasing: bytes.prefix(count - received))
        if let memory {
            if let source = piece.baseAddress {
                (memory + header.count + received).copyMemory(from: source, byteCount: piece.count)
            }
        } else if start.count < Self.startBytes {
            start += piece.prefix(Self.startBytes - start.count)
        }
        received += piece.count
        bytes = bytes.dropFirst(piece.count)
        while received == count, lineEndReceived < Self.lineEnd.count, let byte = bytes.first {
            guard byte == Self.lineEnd[lineEndReceived] else { return .malformed }
            lineEndReceived += 1
            bytes = bytes.dropFirst()
        }
        return lineEndReceived == Self.lineEnd.count ? .whole : .unfinished
    }

    /// Passes it to the sink, whole, after the envelopes before it; or a report about it.
    ///
    /// - Parameter batch: those envelopes; replaced by an empty one if it has any.
    func deliver(to sink: (any EnvelopeSink)?, after batch: inout EnvelopeBatch?) {
        guard let sink else { return free() }
        if let before = batch, before.count > 0 {
            batch = sink.nextBatch()
            batch?.receivedAt = before.receivedAt
            sink.deliver(before)
        }
        if let whole = self.batch(receivedAt: batch?.receivedAt ?? 0) {
            sink.deliver(whole)
        } else {
            sink.skipped(skipped(receivedAt: batch?.receivedAt ?? 0))
        }
    }

    /// It will not arrive.
    func abandon(at sink: (any EnvelopeSink)?) {
        free()
        if admission == .take { sink?.abandoned(payloadOf: heldCount) }
    }

    /// A separate batch that takes ownership of the memory; nil if the payload was skipped.
    private func batch(receivedAt: UInt64) -> EnvelopeBatch? {
        guard let memory else { return nil }
        return EnvelopeBatch(adopting: memory, count: heldCount, channel: channel, receivedAt: receivedAt)
    }

    /// A report about a skipped payload.
    private func skipped(receivedAt: UInt64) -> SkippedPayload {
        SkippedPayload(
            channel: channel, bytes: count, start: start, receivedAt: receivedAt, isTooLarge: admission == .tooLarge)
    }

    private func free() { memory?.deallocate() }
}
