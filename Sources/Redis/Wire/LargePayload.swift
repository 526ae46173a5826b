/// A payload that bypasses hiredis, whose buffer would hold all of it and be copied: it gets exactly the memory it
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
    static let startBytes = 64
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

    /// A separate batch that takes ownership of the memory; nil if the payload was skipped.
    func batch(receivedAt: UInt64) -> EnvelopeBatch? {
        guard let memory else { return nil }
        return EnvelopeBatch(adopting: memory, count: heldCount, channel: channel, receivedAt: receivedAt)
    }

    /// A report about a skipped payload.
    func skipped(receivedAt: UInt64) -> SkippedPayload {
        SkippedPayload(
            channel: channel, bytes: count, start: start, receivedAt: receivedAt, isTooLarge: admission == .tooLarge)
    }

    func free() { memory?.deallocate() }
}
