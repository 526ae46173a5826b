package import JSON

/// A hub method failed, in the node's words.
package struct CallError: Error, Equatable, Sendable, CustomStringConvertible {
    package let text: String
    /// The method threw a HubException, whose text is meant for the caller.
    package let isHubException: Bool
    /// What the HubException carries besides its text.
    package let data: JSONTree?
    /// Only from a node with detailed errors.
    package let stackTrace: String?

    package init(text: String, isHubException: Bool = false, data: JSONTree? = nil, stackTrace: String? = nil) {
        self.text = text
        self.isHubException = isHubException
        self.data = data
        self.stackTrace = stackTrace
    }

    package var description: String { text }
}
