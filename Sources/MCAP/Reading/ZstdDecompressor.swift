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
        guard let context else { throw RecordFault(reason: .decompression("no memory for zstd"), framingHolds: true) }
        let result = ZSTD_decompressDCtx(context, output.extend(by: size), size, source.baseAddress, source.count)
        guard ZSTD_isError(result) == 0 else {
            throw RecordFault(reason: .decompression(String(cString: ZSTD_getErrorName(result))), framingHolds: true)
        }
        guard result == size else {
            throw RecordFault(reason: .decompression("\(result) bytes instead of \(size)"), framingHolds: true)
        }
    }
}
