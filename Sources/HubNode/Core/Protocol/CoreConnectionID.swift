import FoundationEssentials

/// Identifiers of ASP.NET Core SignalR, as a real node makes them.
enum CoreConnectionID {
    /// Of a connection, and, a secret, of its HTTP requests: 22 characters, Base64 for URLs of 16 random bytes.
    static func random() -> String {
        base64().replacing("+", with: "-").replacing("/", with: "_")
    }

    /// Whether a connection with this id is of this generation: SignalR 2 gives out GUIDs, which are longer.
    static func isOne(_ id: String) -> Bool { id.utf8.count == 22 }

    /// Of a call whose result is asked for: as ``random()``, but common Base64.
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
