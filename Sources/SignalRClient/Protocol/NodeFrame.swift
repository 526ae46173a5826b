import JSON

/// A frame sent by a node.
enum NodeFrame: Equatable, Sendable {
    /// `{}`
    case keepAlive
    /// `{"R":..,"I":"0"}`: the result of a call, on webSockets only.
    case response(CallResponse)
    /// `{"C":..,"M":[..]}`
    case messages(MessageFrame)

    /// - Throws: ``FrameError``.
    init(parsing bytes: UnsafeRawBufferPointer) throws(FrameError) {
        let json: JSONTree
        do {
            json = try JSONTree(parsing: bytes)
        } catch {
            throw .notJSON(error)
        }
        guard case .object(let members) = json else { throw .unknownShape }
        if members.isEmpty {
            self = .keepAlive
        } else if let frame = MessageFrame(json) {
            self = .messages(frame)
        } else if let response = CallResponse(json) {
            self = .response(response)
        } else {
            throw .unknownShape
        }
    }
}
