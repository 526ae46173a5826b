/// The message indexes of one chunk: log time and position of each message, by channel.
///
/// Built while a chunk is written, and while one is read, for comparison. Capacity is reused.
@frozen
@usableFromInline
struct MessageIndexes: ~Copyable, @unchecked Sendable {
    // Unchecked: the memory behind both pointers has exactly one owner, this noncopyable value.

    @frozen
    @usableFromInline
    struct Slot: ~Copyable {
        @usableFromInline let channelID: UInt16
        /// Log time and offset of each message, both u64.
        @usableFromInline var entries: GrowableBuffer

        @usableFromInline
        init(channelID: UInt16) {
            self.channelID = channelID
            entries = GrowableBuffer()
        }
    }

    @usableFromInline static var noSlot: Int32 { -1 }

    @usableFromInline var slots: UnsafeMutablePointer<Slot>
    @usableFromInline var slotCount = 0
    @usableFromInline var slotCapacity = 4
    /// Position in `slots` by channel id, `noSlot` if there is none.
    @usableFromInline var slotByID: UnsafeMutablePointer<Int32>
    @usableFromInline var idLimit = 0

    @usableFromInline
    init() {
        slots = .allocate(capacity: slotCapacity)
        slotByID = .allocate(capacity: 1)
    }

    // Inlinable because the optimizer of Swift 6.3.1 crashes where a frozen type that owns this one is destroyed.
    @inlinable
    deinit {
        slots.deinitialize(count: slotCount)
        slots.deallocate()
        slotByID.deallocate()
    }

    /// The channel's position, or `noSlot`.
    @inlinable
    func slot(of channelID: UInt16) -> Int {
        Int(channelID) < idLimit ? Int(slotByID[Int(channelID)]) : Int(MessageIndexes.noSlot)
    }

    /// The channel's position; created if it has none.
    mutating func makeSlot(for channelID: UInt16) -> Int {
        let known = slot(of: channelID)
        if known != Int(MessageIndexes.noSlot) { return known }
        if Int(channelID) >= idLimit { growTable(toHold: channelID) }
        if slotCount == slotCapacity { growSlots() }
        (slots + slotCount).initialize(to: Slot(channelID: channelID))
        slotByID[Int(channelID)] = Int32(slotCount)
        slotCount += 1
        return slotCount - 1
    }

    @inlinable
    mutating func append(slot: Int, logTime: UInt64, offset: UInt64) {
        let entry = slots[slot].entries.extend(by: 16)
        entry.storeBytes(of: logTime.littleEndian, as: UInt64.self)
        (entry + 8).storeBytes(of: offset.littleEndian, as: UInt64.self)
    }

    func channelID(ofSlot slot: Int) -> UInt16 { slots[slot].channelID }

    @inlinable
    func isEmpty(slot: Int) -> Bool { slots[slot].entries.count == 0 }

    func entries(ofSlot slot: Int) -> UnsafeRawBufferPointer { slots[slot].entries.bytes }

    func messageCount(ofSlot slot: Int) -> UInt64 {
        UInt64(slots[slot].entries.count / Layout.messageIndexEntry)
    }

    private var usedSlotCount: Int { (0..<slotCount).count { !isEmpty(slot: $0) } }

    /// Number of messages by channel, without empty channels.
    var messageCounts: [UInt16: UInt64] {
        var counts = [UInt16: UInt64](minimumCapacity: usedSlotCount)
        for slot in 0..<slotCount where !isEmpty(slot: slot) {
            counts[channelID(ofSlot: slot)] = messageCount(ofSlot: slot)
        }
        return counts
    }

    /// Size of the output of ``encode(into:at:)``.
    var encodedSize: UInt64 {
        var size = 0
        for slot in 0..<slotCount where !isEmpty(slot: slot) {
            size += Layout.recordHeader + 6 + entries(ofSlot: slot).count
        }
        return UInt64(size)
    }

    /// Appends one message index record per channel with messages to `buffer`, whose first byte is at `bufferOffset` in
    /// the file. Returns the file offset of each record.
    func encode(into buffer: inout GrowableBuffer, at bufferOffset: UInt64) -> [UInt16: UInt64] {
        var offsets = [UInt16: UInt64](minimumCapacity: usedSlotCount)
        for slot in 0..<slotCount where !isEmpty(slot: slot) {
            let entries = entries(ofSlot: slot)
            precondition(entries.count <= Int(UInt32.max), "a chunk holds at most 2^28 messages a channel")
            offsets[channelID(ofSlot: slot)] = bufferOffset + UInt64(buffer.count)
            buffer.appendRecord(.messageIndex) {
                $0.append(channelID(ofSlot: slot))
                $0.append(UInt32(entries.count))
                $0.append(entries)
            }
        }
        return offsets
    }

    /// Removes all messages; keeps channels and ordinary capacity.
    mutating func removeMessages() {
        for slot in 0..<slotCount where !isEmpty(slot: slot) {
            slots[slot].entries.removeAll(keepingAtMost: Memory.keptForIndexAtMost)
        }
    }

    private mutating func growTable(toHold channelID: UInt16) {
        let newLimit = min(max(Int(channelID) + 1, idLimit * 2), Int(UInt16.max) + 1)
        let table = UnsafeMutablePointer<Int32>.allocate(capacity: newLimit)
        table.update(from: slotByID, count: idLimit)
        (table + idLimit).initialize(repeating: MessageIndexes.noSlot, count: newLimit - idLimit)
        slotByID.deallocate()
        slotByID = table
        idLimit = newLimit
    }

    private mutating func growSlots() {
        let larger = UnsafeMutablePointer<Slot>.allocate(capacity: slotCapacity * 2)
        larger.moveInitialize(from: slots, count: slotCount)
        slots.deallocate()
        slots = larger
        slotCapacity *= 2
    }
}
