/// Walks over the messages of a frame in place, without copying or allocating. Nodes write one message per frame.
package struct CoreHubMessageWalk {
    private let payload: UnsafeRawBufferPointer
    private let format: CoreFormat
    private let end: Int
    private var position: Int

    /// - Parameters:
    ///   - payload: must outlive the walk and its messages; error offsets count from its start.
    ///   - frame: a range of the payload.
    package init(_ payload: UnsafeRawBufferPointer, frame: Range<Int>, _ format: CoreFormat) {
        self.payload = payload
        self.format = format
        position = frame.lowerBound
        end = frame.upperBound
    }

    /// - Parameter frame: a frame and nothing else.
    package init(_ frame: UnsafeRawBufferPointer, _ format: CoreFormat) {
        self.init(frame, frame: 0..<frame.count, format)
    }

    /// - Returns: nil after the last message.
    /// - Throws: the message's error; repeated calls throw it again.
    package mutating func next() throws(CoreError) -> CoreHubMessage? {
        guard position < end else { return nil }
        let message =
            switch format {
            case .json: try CoreHubMessage(json: payload, in: position..<end)
            case .messagePack: try CoreHubMessage(messagePack: payload, in: position..<end)
            }
        position = message.range.upperBound
        return message
    }
}
