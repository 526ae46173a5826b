/// The recorded form of an ASP.NET Core envelope: MessagePack `[redis channel: str, payload: bin]`, because the channel
/// is part of its meaning. Read in place; valid as long as its memory.
package struct CoreRecord {
    /// Expected to be UTF-8.
    package let channel: UnsafeRawBufferPointer
    /// As published.
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
