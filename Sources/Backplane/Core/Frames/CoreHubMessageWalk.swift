/// A walk over the messages of a frame in place: nothing is copied, nothing is allocated. Nodes write one message to a
/// frame.
package struct CoreHubMessageWalk {
    private let payload: UnsafeRawBufferPointer
    private let format: CoreFormat
    private let end: Int
    private var position: Int

    /// - Parameters:
    ///   - payload: must outlive the walk and the messages it hands out; offsets of errors count from its start.
    ///   - frame: lies within the payload.
    package init(_ payload: UnsafeRawBufferPointer, frame: Range<Int>, _ format: CoreFormat) {
        self.payload = payload
        self.format = format
        position = frame.lowerBound
        end = frame.upperBound
    }

    /// - Parameter frame: nothing but a frame.
    package init(_ frame: UnsafeRawBufferPointer, _ format: CoreFormat) {
        self.init(frame, frame: 0..<frame.count, format)
    }

    /// - Returns: nil behind the last message.
    /// - Throws: what is wrong with the message; the same again when called again.
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
