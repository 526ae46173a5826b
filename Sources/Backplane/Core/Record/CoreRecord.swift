/// The recorded form of an ASP.NET Core envelope: MessagePack `[redis channel: str, payload: bin]`, because the channel
/// is part of its meaning. Read in place; valid as long as its memory.
package struct CoreRecord {
    /// Expected to be UTF-8.
    package let channel: UnsafeRawBufferPointer
    /// The payload as published.
    package let payload: UnsafeRawBufferPointer

    /// - Throws: offsets count from the start of the record.
    @inline(__always)
    package init(_ bytes: UnsafeRawBufferPointer) throws(CoreError) {
        var reader = MessagePackReader(bytes)
        guard try reader.arrayCount() == 2 else { throw CoreError(.tooFewItems, at: 0) }
        channel = try reader.string()
        payload = try reader.binary()
        guard reader.isAtEnd else { throw CoreError(.wrongType, at: reader.position) }
    }

    // MARK: - Writing

    /// Bytes before the payload.
    ///
    /// - Parameters:
    ///   - channel: bytes of the Redis channel.
    ///   - payload: bytes of the payload; below 4 GiB.
    @inlinable
    package static func headerCount(channel: Int, payload: Int) -> Int {
        let channelHead = channel < 32 ? 1 : channel <= 0xFF ? 2 : channel <= 0xFFFF ? 3 : 5
        let payloadHead = payload <= 0xFF ? 2 : payload <= 0xFFFF ? 3 : 5
        return 1 &+ channelHead &+ channel &+ payloadHead
    }

    /// Writes the header. The payload must follow it, byte for byte.
    ///
    /// - Parameter destination: has space for ``headerCount(channel:payload:)`` bytes.
    @inlinable
    package static func writeHeader(
        channel: UnsafeRawBufferPointer, payloadCount: Int, to destination: UnsafeMutableRawPointer
    ) {
        destination.storeBytes(of: 0x92, as: UInt8.self)
        var place = destination + 1
        if channel.count < 32 {
            place.storeBytes(of: 0xA0 | UInt8(truncatingIfNeeded: channel.count), as: UInt8.self)
            place += 1
        } else {
            place = writeLength(channel.count, 0xD9, to: place)
        }
        if let start = channel.baseAddress { place.copyMemory(from: start, byteCount: channel.count) }
        _ = writeLength(payloadCount, 0xC4, to: place + channel.count)
    }

    @inlinable
    static func writeLength(
        _ count: Int, _ head: UInt8, to place: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        if count <= 0xFF {
            place.storeBytes(of: head, as: UInt8.self)
            (place + 1).storeBytes(of: UInt8(truncatingIfNeeded: count), as: UInt8.self)
            return place + 2
        }
        if count <= 0xFFFF {
            place.storeBytes(of: head &+ 1, as: UInt8.self)
            (place + 1).storeBytes(of: UInt16(truncatingIfNeeded: count).bigEndian, as: UInt16.self)
            return place + 3
        }
        place.storeBytes(of: head &+ 2, as: UInt8.self)
        (place + 1).storeBytes(of: UInt32(truncatingIfNeeded: count).bigEndian, as: UInt32.self)
        return place + 5
    }

    /// A whole record.
    package static func bytes(channel: [UInt8], payload: [UInt8]) -> [UInt8] {
        let count = headerCount(channel: channel.count, payload: payload.count)
        let header = [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            guard let start = UnsafeMutableRawPointer(buffer.baseAddress) else { return }
            channel.withUnsafeBytes { writeHeader(channel: $0, payloadCount: payload.count, to: start) }
            written = count
        }
        return header + payload
    }
}

/// A recorded envelope of ASP.NET Core in place, interpreted by its Redis channel. Not copied, no allocations. Valid as
/// long as the record's memory.
package struct CoreEnvelopeView {
    /// Channel and payload, as captured.
    package let record: CoreRecord
    /// Kind of the channel, and the name in it.
    package let name: CoreChannelName
    /// The payload, interpreted by the kind of its channel.
    package let payload: CorePayloadView
    /// The first message: of the JSON frame, else of the MessagePack frame; nil if there is neither.
    package let message: CoreHubMessage?
    private let prefixCount: Int
    private let rootCount: Int

    /// Validates everything, including frames of known protocols.
    ///
    /// - Parameters:
    ///   - bytes: a ``CoreRecord``.
    ///   - prefixCount: bytes of the channel prefix.
    ///   - rootCount: bytes of prefix and hub type.
    /// - Throws: offsets count from the start of the payload, if the record itself is intact.
    package init(_ bytes: UnsafeRawBufferPointer, prefixCount: Int, rootCount: Int) throws(CoreError) {
        record = try CoreRecord(bytes)
        guard record.channel.count > rootCount, let name = CoreChannelName(record.channel, rootCount: rootCount) else {
            throw CoreError(.foreignChannel, at: 0)
        }
        self.name = name
        self.prefixCount = prefixCount
        self.rootCount = rootCount
        payload = try CorePayloadView(name.kind, record.payload)
        switch payload {
        case .invocation(let view):
            let first = try Self.first(view.messages(in: .json))
            let second = try Self.first(view.messages(in: .messagePack))
            message = first ?? second
        case .completion(let view): message = try Self.first(view.messages())
        case .groupCommand, .ack: message = nil
        }
    }

    private static func first(_ walk: CoreHubMessageWalk?) throws(CoreError) -> CoreHubMessage? {
        guard var walk else { return nil }
        let first = try walk.next()
        while try walk.next() != nil {}
        return first
    }

    /// The hub's type, UTF-8.
    package var hub: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: record.channel[min(prefixCount, rootCount)..<rootCount])
    }

    /// The part of the Redis channel after the hub and its colon: `all`, `group:room`.
    package var channelEnd: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: record.channel[min(rootCount + 1, record.channel.count)...])
    }

    /// The recipient group, user, connection or server, UTF-8; for a group command the group; nil if it is for all.
    package var target: UnsafeRawBufferPointer? {
        if case .groupCommand(let command) = payload { return command.group }
        return name.kind.isNamed ? name.name : nil
    }

    /// Calls `body` with each frame, in the order of the payload; none for commands and acks.
    package func forEachFrame(_ body: (_ protocolName: UnsafeRawBufferPointer, _ frame: UnsafeRawBufferPointer) -> Void)
    {
        switch payload {
        case .invocation(let view):
            view.forEachFrame { name, frame in
                body(name, UnsafeRawBufferPointer(rebasing: view.payload[frame]))
            }
        case .completion(let view):
            body(view.protocolName, UnsafeRawBufferPointer(rebasing: view.payload[view.frame]))
        case .groupCommand, .ack: break
        }
    }

    /// The class in a hub's full type name: ``RoomHub`1`` of ``Chat.Hubs.Outer+RoomHub`1[[System.Int32, ...]]``.
    package static func className(_ type: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let end = type.firstIndex(of: UInt8(ascii: "[")) ?? type.count
        let start = type[..<end].lastIndex { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "+") }.map { $0 + 1 } ?? 0
        return start < end ? UnsafeRawBufferPointer(rebasing: type[start..<end]) : type
    }
}
