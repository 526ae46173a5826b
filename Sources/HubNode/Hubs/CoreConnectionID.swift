import FoundationEssentials

/// Identifiers of ASP.NET Core SignalR, in the format of a real node.
enum CoreConnectionID {
    /// A connection id, or the secret token of its HTTP requests: 16 random bytes as 22 characters of URL-safe Base64.
    static func random() -> String {
        base64().replacing("+", with: "-").replacing("/", with: "_")
    }

    /// Whether a connection with this id belongs to this generation: SignalR 2 assigns GUIDs, which are longer.
    static func isOne(_ id: String) -> Bool { id.utf8.count == 22 }

    /// The id of a call that expects a result: like ``random()``, but in standard Base64.
    static func randomInvocationID() -> String { base64() }

    private static func base64() -> String {
        var generator = SystemRandomNumberGenerator()
        var bytes = Data(capacity: 16)
        for _ in 0..<2 {
            withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0) }
        }
        return String(bytes.base64EncodedString().dropLast(2))
    }
}
