import CZstd

/// A reusable zstd decompression context.
struct ZstdDecompressor: ~Copyable {
    private let context: OpaquePointer?

    init() {
        context = ZSTD_createDCtx()
    }

    deinit { ZSTD_freeDCtx(context) }

    /// Appends the contents of the frames in `source` to `output`, which must be exactly `size` bytes.
    func append(_ source: UnsafeRawBufferPointer, size: Int, to output: inout GrowableBuffer) throws(RecordFault) {
        guard let context else { throw Self.fault(.noMemory) }
        let result = ZSTD_decompressDCtx(context, output.extend(by: size), size, source.baseAddress, source.count)
        guard ZSTD_isError(result) == 0 else {
            switch ZSTD_getErrorCode(result) {
            case ZSTD_error_memory_allocation: throw Self.fault(.noMemory)
            case ZSTD_error_dstSize_tooSmall: throw Self.fault(.tooLong(expected: size))
            default: throw Self.fault(.damaged)
            }
        }
        guard result == size else { throw Self.fault(.tooShort(result, expected: size)) }
    }

    private static func fault(_ failure: Damage.Unpacking) -> RecordFault {
        RecordFault(reason: .decompression(failure), framingHolds: true)
    }
}
