/// Errors for clients, in the wording of a real node.
///
/// Source: `HubConnectionHandler.cs` and `Internal/DefaultHubDispatcher.cs` of Microsoft.AspNetCore.SignalR.Core.
struct CoreErrorText {
    /// Whether errors for clients include details that may be confidential.
    let detailed: Bool

    func call(_ problem: CallProblem, of target: String) -> String {
        switch problem {
        case .unknownMethod:
            "Failed to invoke '\(target)' due to an error on the server. HubException: Method does not exist."
        case .argumentCount(_, let given, let expected):
            Self.text(
                "Failed to invoke '\(target)' due to an error on the server.", detailed,
                "InvalidDataException: Invocation provides \(given) argument(s) but target expects \(expected).")
        case .binding:
            Self.text(
                "Failed to invoke '\(target)' due to an error on the server.", detailed,
                "InvalidDataException: Error binding arguments. Make sure that the types of the provided values match the types of the hub method being invoked."
            )
        case .thrown(let error):
            text("An unexpected error occurred invoking '\(target)' on the server.", error)
        }
    }

    func stream(_ error: any Error) -> String {
        text("An error occurred on the server while streaming results.", error)
    }

    /// - Parameter detail: the .NET exception and its message.
    func closing(_ detail: String) -> String {
        Self.text("Connection closed with an error.", detailed, detail)
    }

    static func notStreaming(_ target: String) -> String {
        "The client attempted to invoke the non-streaming '\(target)' method with a streaming invocation."
    }

    static func streaming(_ target: String) -> String {
        "The client attempted to invoke the streaming '\(target)' method with a non-streaming invocation."
    }

    private func text(_ beginning: String, _ error: any Error) -> String {
        if let error = error as? HubError { return "\(beginning) HubException: \(error.message)" }
        let detail =
            switch error as? CallFailure {
            case .unacknowledged: "TaskCanceledException: A task was canceled."
            case .noSuchConnection(let id): "IOException: Connection '\(id)' does not exist."
            case .notPublished(let reason): "RedisConnectionException: \(reason)"
            case .unknownMethod, .unsupported, nil: "\(type(of: error)): \(error)"
            }
        return Self.text(beginning, detailed, detail)
    }

    private static func text(_ beginning: String, _ detailed: Bool, _ detail: String) -> String {
        detailed ? "\(beginning) \(detail)" : beginning
    }
}
