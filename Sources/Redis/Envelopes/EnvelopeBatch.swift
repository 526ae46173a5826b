/// The envelopes of one or a few reads from the socket: consecutive payloads in one buffer, with the start and receipt
/// time of each.
///
/// Filled on the event loop, then handed to the next stage as a whole; after ``EnvelopeSink/deliver(_:)`` the event
/// loop no longer touches it, so that one thread owns it at any time. Reused through ``reset()``: in the steady state
/// an envelope costs one copy and no allocation.
package final class EnvelopeBatch: @unchecked Sendable {
    // @unchecked: ownership passes between threads through the intake's lock; it is never shared (see above).

    @usableFromInline
    struct Entry {
        @usableFromInline var offset: Int
        @usableFromInline var count: UInt32
        @usableFromInline var channel: UInt32
        @usableFromInline var receivedAt: UInt64

        @usableFromInline
        init(offset: Int, count: UInt32, channel: UInt32, receivedAt: UInt64) {
            self.offset = offset
            self.count = count
            self.channel = channel
            self.receivedAt = receivedAt
        }
    }

    /// Memory kept by ``reset()``; memory beyond it, for a large payload, is freed.
    static let keptBytes = 512 * 1024
    static let keptEntries = 8192

    /// Larger payloads bypass hiredis and get their own memory. Far larger than a read, so that such a payload never
    /// begins and ends within one read.
    package static let largePayload = 1 << 20

    // A struct behind a pointer: class properties would be checked for exclusive access at each envelope.
    @usableFromInline
    struct Storage {
        @usableFromInline var bytes: UnsafeMutableRawPointer
        @usableFromInline var byteCapacity: Int
        @usableFromInline var byteCount = 0
        @usableFromInline var entries: UnsafeMutablePointer<Entry>
        @usableFromInline var entryCapacity: Int
        @usableFromInline var entryCount = 0
        @usableFromInline var receivedAt: UInt64 = 0
        @usableFromInline var isAdmitted = false
    }

    @usableFromInline let storage: UnsafeMutablePointer<Storage>

    /// An empty batch.
    package init() {
        storage = .allocate(capacity: 1)
        storage.initialize(
            to: Storage(
                bytes: .allocate(byteCount: 64 * 1024, alignment: 16), byteCapacity: 64 * 1024,
                entries: .allocate(capacity: 256), entryCapacity: 256))
    }

    /// A batch of one large payload.
    ///
    /// - Parameter memory: `count` bytes; the batch frees it.
    init(adopting memory: UnsafeMutableRawPointer, count: Int, channel: Int, receivedAt: UInt64) {
        storage = .allocate(capacity: 1)
        storage.initialize(
            to: Storage(
                bytes: memory, byteCapacity: count, byteCount: count, entries: .allocate(capacity: 1), entryCapacity: 1,
                entryCount: 1, receivedAt: receivedAt, isAdmitted: true))
        storage.pointee.entries.initialize(
            to: Entry(
                offset: 0, count: UInt32(truncatingIfNeeded: count), channel: UInt32(truncatingIfNeeded: channel),
                receivedAt: receivedAt))
    }

    deinit {
        storage.pointee.bytes.deallocate()
        storage.pointee.entries.deallocate()
        storage.deallocate()
    }

    /// Envelopes in the batch.
    @inlinable
    package var count: Int { storage.pointee.entryCount }

    /// Payload bytes of all envelopes.
    @inlinable
    package var byteCount: Int { storage.pointee.byteCount }

    /// True for a large payload that was admitted by the sink, which has reserved memory for it.
    package var isAdmitted: Bool { storage.pointee.isAdmitted }

    /// Memory of the batch, in bytes: what a bounded queue must count.
    package var footprint: Int {
        storage.pointee.byteCapacity + storage.pointee.entryCapacity * MemoryLayout<Entry>.stride
    }

    /// Memory of a batch of one large payload, in bytes.
    package static func footprint(ofPayload bytes: Int) -> Int { bytes + MemoryLayout<Entry>.stride }

    /// Maximum memory of the batch with another one's envelopes appended, in bytes.
    package func footprint(with other: EnvelopeBatch) -> Int {
        var bytes = storage.pointee.byteCapacity
        while bytes < byteCount + other.byteCount { bytes *= 2 }
        var entries = storage.pointee.entryCapacity
        while entries < count + other.count { entries *= 2 }
        return bytes + entries * MemoryLayout<Entry>.stride
    }

    /// When the bytes of subsequently appended envelopes were read from the socket, in nanoseconds since 1970: one
    /// clock read per socket read.
    package var receivedAt: UInt64 {
        get { storage.pointee.receivedAt }
        set { storage.pointee.receivedAt = newValue }
    }

    /// Copies one payload in.
    ///
    /// - Parameter channel: index of the Redis channel in the list given to the subscriber.
    @inlinable
    package func append(channel: Int, payload: UnsafeRawBufferPointer) {
        let offset = storage.pointee.byteCount
        if storage.pointee.byteCapacity - offset < payload.count { growBytes(by: payload.count) }
        if storage.pointee.entryCount == storage.pointee.entryCapacity { growEntries() }
        if let source = payload.baseAddress {
            (storage.pointee.bytes + offset).copyMemory(from: source, byteCount: payload.count)
        }
        (storage.pointee.entries + storage.pointee.entryCount).initialize(
            to: Entry(
                offset: offset, count: UInt32(payload.count), channel: UInt32(truncatingIfNeeded: channel),
                receivedAt: storage.pointee.receivedAt))
        storage.pointee.entryCount &+= 1
        storage.pointee.byteCount = offset &+ payload.count
    }

    /// Copies one payload in, after a header with its Redis channel.
    ///
    /// - Parameters:
    ///   - channel: as above.
    ///   - name: of the Redis channel.
    func append(
        channel: Int, name: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer, header: MessageHeader
    ) {
        let offset = storage.pointee.byteCount
        let headerCount = header.count(name.count, payload.count)
        let count = headerCount + payload.count
        if storage.pointee.byteCapacity - offset < count { growBytes(by: count) }
        if storage.pointee.entryCount == storage.pointee.entryCapacity { growEntries() }
        let start = storage.pointee.bytes + offset
        header.write(name, payload.count, start)
        if let source = payload.baseAddress {
            (start + headerCount).copyMemory(from: source, byteCount: payload.count)
        }
        (storage.pointee.entries + storage.pointee.entryCount).initialize(
            to: Entry(
                offset: offset, count: UInt32(truncatingIfNeeded: count),
                channel: UInt32(truncatingIfNeeded: channel), receivedAt: storage.pointee.receivedAt))
        storage.pointee.entryCount &+= 1
        storage.pointee.byteCount = offset &+ count
    }

    /// Appends copies of another batch's envelopes.
    package func append(contentsOf other: EnvelopeBatch) {
        other.forEach { channel, receivedAt, payload in
            self.receivedAt = receivedAt
            append(channel: channel, payload: payload)
        }
    }

    /// Each envelope in the order of arrival. The payload is valid during the call only.
    ///
    /// - Parameter body: channel index, time of receipt in nanoseconds since 1970, payload.
    @inlinable
    package func forEach(_ body: (_ channel: Int, _ receivedAt: UInt64, _ payload: UnsafeRawBufferPointer) -> Void) {
        for index in 0..<storage.pointee.entryCount {
            let entry = storage.pointee.entries[index]
            body(
                Int(entry.channel), entry.receivedAt,
                UnsafeRawBufferPointer(start: storage.pointee.bytes + entry.offset, count: Int(entry.count)))
        }
    }

    /// The first `count` envelopes, or all if there are fewer; see ``forEach(_:)``.
    package func forEach(
        first count: Int, _ body: (_ channel: Int, _ receivedAt: UInt64, _ payload: UnsafeRawBufferPointer) -> Void
    ) {
        for index in 0..<min(max(0, count), storage.pointee.entryCount) {
            let entry = storage.pointee.entries[index]
            body(
                Int(entry.channel), entry.receivedAt,
                UnsafeRawBufferPointer(start: storage.pointee.bytes + entry.offset, count: Int(entry.count)))
        }
    }

    /// Empties the batch for reuse.
    package func reset() {
        if storage.pointee.byteCapacity > Self.keptBytes {
            storage.pointee.bytes.deallocate()
            storage.pointee.byteCapacity = Self.keptBytes
            storage.pointee.bytes = .allocate(byteCount: Self.keptBytes, alignment: 16)
        }
        if storage.pointee.entryCapacity > Self.keptEntries {
            storage.pointee.entries.deallocate()
            storage.pointee.entryCapacity = Self.keptEntries
            storage.pointee.entries = .allocate(capacity: Self.keptEntries)
        }
        storage.pointee.byteCount = 0
        storage.pointee.entryCount = 0
        storage.pointee.receivedAt = 0
        storage.pointee.isAdmitted = false
    }

    @usableFromInline
    func growBytes(by count: Int) {
        let needed = storage.pointee.byteCount + count
        // A large payload gets exactly what it needs; otherwise the size doubles.
        let capacity = count > Self.keptBytes ? needed : max(needed, storage.pointee.byteCapacity * 2)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        larger.copyMemory(from: storage.pointee.bytes, byteCount: storage.pointee.byteCount)
        storage.pointee.bytes.deallocate()
        storage.pointee.bytes = larger
        storage.pointee.byteCapacity = capacity
    }

    @usableFromInline
    func growEntries() {
        let capacity = storage.pointee.entryCapacity * 2
        let larger = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
        larger.moveInitialize(from: storage.pointee.entries, count: storage.pointee.entryCount)
        storage.pointee.entries.deallocate()
        storage.pointee.entries = larger
        storage.pointee.entryCapacity = capacity
    }
}
