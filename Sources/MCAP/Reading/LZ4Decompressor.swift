import CLZ4

/// A reusable lz4 decompression context. Only other programs write lz4 chunks.
struct LZ4Decompressor: ~Copyable {
    private var context: OpaquePointer?

    deinit { LZ4F_freeDecompressionContext(context) }

    /// Appends the contents of the frames in `source` to `output`, which must be exactly `size` bytes.
    mutating func append(
        _ source: UnsafeRawBufferPointer, size: Int, to output: inout GrowableBuffer
    ) throws(RecordFault) {
        if context == nil {
            guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0 else {
                context = nil
                throw Self.fault(.noMemory)
            }
        }
        guard let context else { throw Self.fault(.noMemory) }
        // A failed frame leaves its state behind.
        LZ4F_resetDecompressionContext(context)
        let target = output.extend(by: size)
        var (taken, made) = (0, 0)
        // The number of bytes lz4 expects next; 0 at the end of a frame.
        var hint = 1
        while taken < source.count {
            var (taking, making) = (source.count - taken, size - made)
            hint = LZ4F_decompress(
                context, target + made, &making, source.baseAddress.map { $0 + taken }, &taking, nil)
            guard LZ4F_isError(hint) == 0 else { throw Self.fault(.damaged) }
            guard taking > 0 || making > 0 else { throw Self.fault(.tooLong(expected: size)) }
            taken += taking
            made += making
        }
        guard hint == 0 || source.isEmpty else { throw Self.fault(.damaged) }
        guard made == size else { throw Self.fault(.tooShort(made, expected: size)) }
    }

    private static func fault(_ failure: Damage.Unpacking) -> RecordFault {
        RecordFault(reason: .decompression(failure), framingHolds: true)
    }
}
