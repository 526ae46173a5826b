/// Writes MessagePack as real nodes do: each value in its smallest form, nonnegative integers unsigned.
package struct MessagePackWriter {
    /// The encoded values so far.
    package private(set) var bytes: [UInt8] = []

    /// Nothing written yet.
    package init() {}

    /// A nil.
    package mutating func `nil`() { bytes.append(0xC0) }

    /// A boolean.
    package mutating func bool(_ value: Bool) { bytes.append(value ? 0xC3 : 0xC2) }

    /// In the smallest form. It must fit into 64 bits.
    package mutating func int(_ value: some BinaryInteger) {
        if value >= 0 {
            uint(UInt64(value))
        } else {
            negative(Int64(value))
        }
    }

    /// A 32-bit float.
    package mutating func float(_ value: Float) { append(0xCA, value.bitPattern) }

    /// A 64-bit float.
    package mutating func double(_ value: Double) { append(0xCB, value.bitPattern) }

    /// A string, UTF-8.
    package mutating func string(_ text: String) {
        head(text.utf8.count, fix: (0xA0, 32), 0xD9, 0xDA, 0xDB)
        bytes.append(contentsOf: text.utf8)
    }

    /// A string of these bytes, expected to be UTF-8.
    package mutating func string(utf8: some Collection<UInt8>) {
        head(utf8.count, fix: (0xA0, 32), 0xD9, 0xDA, 0xDB)
        bytes.append(contentsOf: utf8)
    }

    /// A byte string.
    package mutating func binary(_ data: some Collection<UInt8>) {
        head(data.count, fix: (0, 0), 0xC4, 0xC5, 0xC6)
        bytes.append(contentsOf: data)
    }

    /// - Parameter count: number of elements written next.
    package mutating func array(_ count: Int) { head(count, fix: (0x90, 16), nil, 0xDC, 0xDD) }

    /// - Parameter count: number of keys written next, each with its value.
    package mutating func map(_ count: Int) { head(count, fix: (0x80, 16), nil, 0xDE, 0xDF) }

    /// An extension: a type, and bytes whose meaning depends on the type.
    package mutating func ext(type: Int8, _ data: some Collection<UInt8>) {
        switch data.count {
        case 1, 2, 4, 8, 16: bytes.append(0xD4 + UInt8(data.count.trailingZeroBitCount))
        default: head(data.count, fix: (0, 0), 0xC7, 0xC8, 0xC9)
        }
        bytes.append(UInt8(bitPattern: type))
        bytes.append(contentsOf: data)
    }

    /// A time, as the extension of type -1.
    package mutating func timestamp(_ time: MessagePackTimestamp) {
        if let seconds = UInt32(exactly: time.seconds), time.nanoseconds == 0 {
            append(0xD6, UInt8(0xFF))
            bigEndian(seconds)
        } else if (0..<(1 << 34)).contains(time.seconds) {
            append(0xD7, UInt8(0xFF))
            bigEndian(UInt64(time.nanoseconds) << 34 | UInt64(time.seconds))
        } else {
            bytes.append(contentsOf: [0xC7, 12, 0xFF])
            bigEndian(time.nanoseconds)
            bigEndian(time.seconds)
        }
    }

    /// Values already encoded as MessagePack.
    package mutating func raw(_ values: some Collection<UInt8>) { bytes.append(contentsOf: values) }

    // MARK: - Integers of a given width

    /// 8 bits, signed. Fixed widths are how .NET writes a boxed integer: `d2 00000001` for the `int` 1 in an `object`.
    package mutating func fixed(_ value: Int8) { append(0xD0, value) }
    /// 16 bits, signed.
    package mutating func fixed(_ value: Int16) { append(0xD1, value) }
    /// 32 bits, signed.
    package mutating func fixed(_ value: Int32) { append(0xD2, value) }
    /// 64 bits, signed.
    package mutating func fixed(_ value: Int64) { append(0xD3, value) }
    /// 8 bits, unsigned.
    package mutating func fixed(_ value: UInt8) { append(0xCC, value) }
    /// 16 bits, unsigned.
    package mutating func fixed(_ value: UInt16) { append(0xCD, value) }
    /// 32 bits, unsigned.
    package mutating func fixed(_ value: UInt32) { append(0xCE, value) }
    /// 64 bits, unsigned.
    package mutating func fixed(_ value: UInt64) { append(0xCF, value) }

    // MARK: - Parts of a value

    private mutating func uint(_ value: UInt64) {
        switch value {
        case 0...0x7F: bytes.append(UInt8(value))
        case 0...0xFF: append(0xCC, UInt8(value))
        case 0...0xFFFF: append(0xCD, UInt16(value))
        case 0...0xFFFF_FFFF: append(0xCE, UInt32(value))
        default: append(0xCF, value)
        }
    }

    private mutating func negative(_ value: Int64) {
        switch value {
        case (-32)...: bytes.append(UInt8(bitPattern: Int8(value)))
        case Int64(Int8.min)...: append(0xD0, Int8(value))
        case Int64(Int16.min)...: append(0xD1, Int16(value))
        case Int64(Int32.min)...: append(0xD2, Int32(value))
        default: append(0xD3, value)
        }
    }

    /// - Precondition: below 4 GiB, the limit of the format.
    private mutating func head(_ count: Int, fix: (UInt8, Int), _ one: UInt8?, _ two: UInt8, _ four: UInt8) {
        if count < fix.1 {
            bytes.append(fix.0 | UInt8(count))
        } else if let one, count <= 0xFF {
            append(one, UInt8(count))
        } else if count <= 0xFFFF {
            append(two, UInt16(count))
        } else {
            append(four, UInt32(count))
        }
    }

    private mutating func append(_ head: UInt8, _ value: some FixedWidthInteger) {
        bytes.append(head)
        bigEndian(value)
    }

    private mutating func bigEndian(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
