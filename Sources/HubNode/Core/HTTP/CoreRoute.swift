import Backplane

/// Recognizes requests for the hub of ASP.NET Core SignalR.
struct CoreRoute: Sendable {
    let path: String

    enum Target: Equatable {
        case hub
        case negotiate
    }

    /// Paths are case-insensitive, as in ASP.NET Core; a trailing slash is ignored.
    ///
    /// - Returns: nil for another path.
    func target(of requestPath: String) -> Target? {
        var rest = requestPath.utf8[...]
        if rest.last == UInt8(ascii: "/") { rest.removeLast() }
        let requested = CaselessName(String(decoding: rest, as: UTF8.self))
        if requested == CaselessName(path) { return .hub }
        return requested == CaselessName(path + "/negotiate") ? .negotiate : nil
    }
}
