/// An error whose text is for the caller; SignalR's HubException. The text of any other error is not sent, unless
/// detailed errors are enabled.
public struct HubError: Error, Sendable {
    /// The text for the caller.
    public var message: String
    /// Additional data for the caller's program, as JSON.
    public var data: JSONValue?

    /// - Parameter data: additional data for the caller's program.
    public init(_ message: String, data: JSONValue? = nil) {
        self.message = message
        self.data = data
    }
}

/// Why a call failed, apart from errors of the method.
enum CallFailure: Error, CustomStringConvertible {
    case unknownMethod(String)
    case unacknowledged
    case notPublished(String)
    /// Not supported by the caller's or the client's protocol.
    case unsupported(String)
    case noSuchConnection(String)

    var description: String {
        switch self {
        case .unknownMethod(let name): "'\(name)' method could not be resolved. No method found with that name."
        case .unacknowledged: "The operation was canceled."
        case .unsupported(let what): "\(what) is not part of the client's protocol."
        case .noSuchConnection(let id): "Connection '\(id)' does not exist."
        case .notPublished(let reason): "The message could not be published: \(reason)"
        }
    }
}
