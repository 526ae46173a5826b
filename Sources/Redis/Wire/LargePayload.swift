/// A payload that is taken past hiredis, whose buffer would hold the whole of it and be copied again: its memory is what it
/// needs and no more, or nothing but its beginning.
struct LargePayload {
    enum Outcome: Equatable {
        case unfinished
        /// All of it has come, with its line end.
        case whole
        /// No line end behind it.
        case malformed
    }

    /// Enough for the id that a payload begins with.
    static let startBytes = 64
    private static let lineEnd: [UInt8] = [13, 10]

    /// Bytes of the payload.
    let count: Int
    /// What stands before it in the batch; empty where it is kept as it was published.
    private let header: [UInt8]
    /// Index of the channel; -1 if it is none of ours.
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

    /// Bytes that it takes in the batch.
    var heldCount: Int { header.count + count }

    /// Takes what belongs to it from the front of `bytes`.
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

    /// A batch of its own that owns the memory from now on; nil if the payload was skipped.
    func batch(receivedAt: UInt64) -> EnvelopeBatch? {
        guard let memory else { return nil }
        return EnvelopeBatch(adopting: memory, count: heldCount, channel: channel, receivedAt: receivedAt)
    }

    /// What is left to say of one that was skipped.
    func skipped(receivedAt: UInt64) -> SkippedPayload {
        SkippedPayload(
            channel: channel, bytes: count, start: start, receivedAt: receivedAt, isTooLarge: admission == .tooLarge)
    }

    func free() { memory?.deallocate() }
}
