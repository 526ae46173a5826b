/// Passes the bytes of any collection as contiguous memory, copying only if necessary.
func withContiguousBytes<Result>(
    of bytes: some Collection<UInt8>,
    _ body: (UnsafeRawBufferPointer) throws(EnvelopeError) -> Result
) throws(EnvelopeError) -> Result {
    func attempt(_ buffer: UnsafeBufferPointer<UInt8>) -> Swift.Result<Result, EnvelopeError> {
        do throws(EnvelopeError) {
            return .success(try body(UnsafeRawBufferPointer(buffer)))
        } catch {
            return .failure(error)
        }
    }
    if let result = bytes.withContiguousStorageIfAvailable(attempt) {
        return try result.get()
    }
    return try Array(bytes).withUnsafeBufferPointer(attempt).get()
}
