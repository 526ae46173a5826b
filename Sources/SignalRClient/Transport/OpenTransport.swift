import NIOCore

/// What must be closed to end a transport.
enum OpenTransport {
    case webSocket(any Channel)
    /// Reads an event stream, or polls.
    case reader(Task<Void, Never>)

    /// As a lost network would: no good-bye.
    func close() {
        switch self {
        case .webSocket(let channel): channel.close(mode: .all, promise: nil)
        case .reader(let task): task.cancel()
        }
    }
}
