import NIOCore

/// The resource to close in order to end a transport.
enum OpenTransport {
    case webSocket(any Channel)
    /// Reads an event stream, or polls.
    case reader(Task<Void, Never>)

    /// Abruptly, like a lost network.
    func close() {
        switch self {
        case .webSocket(let channel): channel.close(mode: .all, promise: nil)
        case .reader(let task): task.cancel()
        }
    }
}
