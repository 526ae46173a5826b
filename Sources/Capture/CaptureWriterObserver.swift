/// Told of what a ``CaptureWriter`` does, on its thread.
package protocol CaptureWriterObserver: AnyObject {
    /// - Parameters:
    ///   - bytes: by which the file grew.
    ///   - envelopes, payloadBytes: what the chunk holds of the backplane.
    ///   - nanoseconds: for compressing and writing.
    func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64)
    /// The chunk was stored as it is, since compressing would have held the recorder up further.
    func chunkLeftUncompressed()
    func synced(nanoseconds: UInt64)
    func segmentOpened(path: String)
    /// Nothing more will be written to it: closed with its summary, or given up.
    func segmentEnded(path: String)
    /// Somebody took the open segment away, or part of it; what is gone is an event in the next one.
    func segmentLost(_ loss: SegmentLoss)
}

extension CaptureWriterObserver {
    package func chunkLeftUncompressed() {}
    package func segmentEnded(path: String) {}
    package func segmentLost(_ loss: SegmentLoss) {}
}
