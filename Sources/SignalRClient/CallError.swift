package import JSON

/// A hub method failed, with the node's message.
package struct CallError: Error, Equatable, Sendable, CustomStringConvertible {
    package let text: String
    /// The method threw a HubException, whose text is meant for the caller.
    package let isHubException: Bool
    /// Additional data of the HubException.
    package let data: JSONTree?
    /// Present only if the node sends detailed errors.
    package let stackTrace: String?

    package init(text: String, isHubException: Bool = false, data: JSONTree? = nil, stackTrace: String? = nil) {
        self.text = text
        self.isHubException = isHubException
        self.data = data
        self.stackTrace = stackTrace
    }

    package var description: String { text }
}
