/// An error whose text is meant for the caller; SignalR's HubException. The text of any other error stays here, unless
/// the node is told to show details.
public struct HubError: Error, Sendable {
    /// What the caller reads.
    public var message: String
    /// More for the caller's program, as JSON.
    public var data: JSONValue?

    /// - Parameter data: more for the caller's program.
    public init(_ message: String, data: JSONValue? = nil) {
        self.message = message
        self.data = data
    }
}

/// Why a call did not do what it should, other than by the method's own doing.
enum CallFailure: Error, CustomStringConvertible {
    case unknownMethod(String)
    case unacknowledged
    case notPublished(String)
    /// What the caller's or the client's protocol has no word for.
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
