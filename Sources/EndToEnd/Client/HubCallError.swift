/// A hub method failed, in the node's words.
public struct HubCallError: Error, Equatable, Sendable, CustomStringConvertible {
    public let text: String
    /// The method threw a HubException, whose text is meant for the caller.
    public let isHubException: Bool
    /// What the HubException carries besides its text.
    public let data: JSONValue?
    /// Only from a node with detailed errors.
    public let stackTrace: String?

    public init(text: String, isHubException: Bool = false, data: JSONValue? = nil, stackTrace: String? = nil) {
        self.text = text
        self.isHubException = isHubException
        self.data = data
        self.stackTrace = stackTrace
    }

    public var description: String { text }
}
