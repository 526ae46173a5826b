/// Told of what a ``CaptureWriter`` does, on its thread.
public protocol CaptureWriterObserver: AnyObject {
    /// - Parameters:
    ///   - bytes: by which the file grew.
    ///   - envelopes, payloadBytes: what the chunk holds of the backplane.
    ///   - nanoseconds: for compressing and writing.
    func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64)
    func synced(nanoseconds: UInt64)
    func segmentOpened(path: String)
}
