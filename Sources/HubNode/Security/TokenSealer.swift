import Cryptography
import FoundationEssentials

/// Encrypts data stored at clients, so that they can neither read nor change it: AES-GCM, Base64.
///
/// The purpose is authenticated: a connection token is never accepted as a groups token.
struct TokenSealer: Sendable {
    enum Purpose: String {
        case connection
        case groups
    }

    private let key: TokenKey

    init(key: TokenKey) {
        self.key = key
    }

    /// `connectionId:user`
    func connectionToken(connectionID: String, user: String) -> String {
        seal("\(connectionID):\(user)", for: .connection)
    }

    /// - Returns: nil for a token that was not made with this key.
    func openConnectionToken(_ token: String) -> (connectionID: String, user: String)? {
        guard let text = open(token, for: .connection) else { return nil }
        return Self.divided(text)
    }

    /// `connectionId:["Hub.group",...]`
    func groupsToken(connectionID: String, groups: [String]) -> String {
        let list = (try? HubJSON.encode(groups)) ?? []
        return seal("\(connectionID):\(String(decoding: list, as: UTF8.self))", for: .groups)
    }

    /// - Returns: no groups for an invalid token, or one made for another connection.
    func openGroupsToken(_ token: String, connectionID: String) -> [String] {
        guard let text = open(token, for: .groups), let (owner, groups) = Self.divided(text), owner == connectionID
        else { return [] }
        return (try? HubJSON.decode([String].self, from: Array(groups.utf8))) ?? []
    }

    /// At the first colon. By bytes: a combining mark after the colon would belong to its character.
    private static func divided(_ text: String) -> (String, String)? {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        return (String(text[..<colon]), String(text[text.utf8.index(after: colon)...]))
    }

    private func seal(_ text: String, for purpose: Purpose) -> String {
        let sealed = AESGCM.seal(Array(text.utf8), key: key.key, purpose: Array(purpose.rawValue.utf8))
        return sealed.map { Data($0).base64EncodedString() } ?? ""
    }

    private func open(_ token: String, for purpose: Purpose) -> String? {
        guard let data = Data(base64Encoded: token),
            let text = AESGCM.open(Array(data), key: key.key, purpose: Array(purpose.rawValue.utf8))
        else { return nil }
        return String(decoding: text, as: UTF8.self)
    }
}

/// The secret that seals tokens. Nodes behind one load balancer share it, so that each accepts the others' tokens.
public struct TokenKey: Sendable, CustomStringConvertible {
    let key: SymmetricKey

    /// A random key.
    public static func random() -> TokenKey {
        TokenKey(key: .random())
    }

    /// - Parameter secret: at least 32 random bytes.
    /// - Returns: nil if there are fewer.
    public init?(secret: [UInt8]) {
        guard secret.count >= 32 else { return nil }
        key = SymmetricKey(secret).derived(for: "backplane-relay tokens")
    }

    private init(key: SymmetricKey) {
        self.key = key
    }

    public var description: String { "(token key)" }
}
