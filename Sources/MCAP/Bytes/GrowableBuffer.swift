/// A growable, uniquely owned byte buffer that keeps its capacity.
///
/// Integers are written little-endian, as in MCAP.
@frozen
@usableFromInline
struct GrowableBuffer: ~Copyable, @unchecked Sendable {
    // Unchecked: the memory has exactly one owner, this noncopyable value, which moves between threads as a whole.
    @usableFromInline var base: UnsafeMutableRawPointer
    @usableFromInline var count: Int
    @usableFromInline var capacity: Int

    @usableFromInline
    init(capacity: Int = 0) {
        self.capacity = max(capacity, 64)
        base = .allocate(byteCount: self.capacity, alignment: 16)
        count = 0
    }

    // Inlinable because the optimizer of Swift 6.3.1 crashes where a frozen type that owns this one is destroyed.
    @inlinable
    deinit { base.deallocate() }

    @inlinable
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// The bytes of `range`, valid until the next mutation. `range` must lie within `count`.
    func bytes(in range: Range<Int>) -> UnsafeRawBufferPointer {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range outside of the buffer")
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// Extends the buffer by `amount` uninitialized bytes and returns their start.
    @inlinable
    mutating func extend(by amount: Int) -> UnsafeMutableRawPointer {
        if capacity - count < amount { grow(by: amount) }
        let start = base + count
        count += amount
        return start
    }

    /// Reserves capacity for `amount` more bytes without changing `count`.
    mutating func reserve(_ amount: Int) {
        if capacity - count < amount { grow(by: amount) }
    }

    @usableFromInline
    @inline(never)
    mutating func grow(by amount: Int) {
        precondition(amount >= 0 && amount <= Int.max / 4, "a buffer cannot grow by \(amount) bytes")
        reallocate(to: max(count + amount, capacity * 2))
    }

    /// Drops everything after `newCount`; keeps the capacity.
    mutating func truncate(to newCount: Int) {
        precondition(newCount >= 0 && newCount <= count, "truncation cannot grow a buffer")
        count = newCount
    }

    /// Drops all bytes; frees memory beyond `bound` bytes.
    mutating func removeAll(keepingAtMost bound: Int) {
        count = 0
        if capacity > bound { reallocate(to: max(bound, 64)) }
    }

    private mutating func reallocate(to newCapacity: Int) {
        let replacement = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
        replacement.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = replacement
        capacity = newCapacity
    }
}

extension GrowableBuffer {
    @inlinable
    mutating func append<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        extend(by: MemoryLayout<T>.size).storeBytes(of: value.littleEndian, as: T.self)
    }

    @inlinable
    mutating func append(_ source: UnsafeRawBufferPointer) {
        guard let start = source.baseAddress else { return }
        extend(by: source.count).copyMemory(from: start, byteCount: source.count)
    }

    mutating func append(_ source: [UInt8]) {
        source.withUnsafeBytes { append($0) }
    }

    /// Overwrites eight bytes at `position`, which must lie within `count`.
    mutating func overwrite(_ value: UInt64, at position: Int) {
        precondition(position >= 0 && position + 8 <= count, "overwriting outside of the buffer")
        (base + position).storeBytes(of: value.littleEndian, as: UInt64.self)
    }
}

/// The MCAP serialization of records, strings and maps.
extension GrowableBuffer {
    /// Appends one record: opcode, the length of what `content` appends, and that content.
    mutating func appendRecord(_ opcode: Opcode, content: (inout GrowableBuffer) -> Void) {
        append(opcode.rawValue)
        let lengthPosition = count
        append(UInt64(0))
        content(&self)
        overwrite(UInt64(count - lengthPosition - 8), at: lengthPosition)
    }

    /// Appends a string, prefixed by its length in bytes (u32).
    mutating func append(_ string: String) {
        var string = string
        string.withUTF8 { utf8 in
            append(UInt32(utf8.count))
            append(UnsafeRawBufferPointer(utf8))
        }
    }

    /// Appends a map, prefixed by its length in bytes (u32) and sorted by key: equal maps give equal bytes.
    mutating func append(_ map: [String: String]) {
        let size = map.reduce(0) { $0 + 8 + $1.key.utf8.count + $1.value.utf8.count }
        append(UInt32(size))
        for (key, value) in map.sorted(by: { $0.key < $1.key }) {
            append(key)
            append(value)
        }
    }

    /// Appends a map of channel ids, prefixed by its length in bytes (u32) and sorted by id.
    mutating func append(_ map: [UInt16: UInt64]) {
        append(UInt32(map.count * 10))
        for (id, value) in map.sorted(by: { $0.key < $1.key }) {
            append(id)
            append(value)
        }
    }
}

/// Memory that buffers keep after use, so that a single huge message does not occupy memory forever.
enum Memory {
    /// A few of the largest ordinary chunks.
    static let keptAtMost = 1 << 22
    /// The index of an ordinary chunk on one channel.
    static let keptForIndexAtMost = 1 << 16
}
