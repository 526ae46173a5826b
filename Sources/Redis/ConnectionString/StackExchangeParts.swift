import NIOCore

/// The parts of a StackExchange.Redis string between commas, classified.
///
/// A password cannot contain a comma there, but some operators write one. Text after a password is therefore doubtful
/// until a part is clearly something else: it is not printed, and not resolved by DNS unless it looks like a server.
struct StackExchangeParts {
    enum Server {
        case tcp(HostAndPort)
        case unix(path: String)
        /// May be the rest of a password; `part` counts from 1.
        case concealed(HostAndPort, part: Int)
    }

    struct Option {
        /// As spelled in StackExchange.Redis.
        var name: String
        var value: String
        /// Counts from 1.
        var part: Int
    }

    private(set) var servers: [Server] = []
    private(set) var options: [Option] = []
    private(set) var warnings: [String] = []
    private var candidates: [(server: HostAndPort, part: Int)] = []
    /// What caused the doubt, as text.
    private var doubt: String?

    init(_ text: String) throws(ConnectionStringError) {
        for (index, part) in text.split(separator: ",", omittingEmptySubsequences: false).enumerated() {
            let part = part.trimmingSpaces()
            if !part.isEmpty { try take(part, part: index + 1) }
        }
        try settleCandidates()
        guard !servers.isEmpty else {
            throw ConnectionStringError("the connection string names no server; it begins with host:port, then options")
        }
    }

    private mutating func take(_ text: String, part: Int) throws(ConnectionStringError) {
        if text.first == "!" {
            servers.append(.unix(path: try Self.socket(text.dropFirst(), part: part)))
        } else if let equals = text.firstIndex(of: "=") {
            // An endpoint contains no '='; a value may (base64 access keys end with it), so the first one separates.
            let name = text[..<equals].trimmingSpaces()
            try takeOption(name, value: text[text.index(after: equals)...].trimmingSpaces(), part: part)
        } else if doubt == nil || Self.isSurelyServer(text) {
            doubt = nil
            try takeServer(text, part: part)
        } else {
            candidates.append((try candidate(text, part: part), part))
        }
    }

    private mutating func takeOption(_ text: String, value: String, part: Int) throws(ConnectionStringError) {
        if text.first == "$" {
            warnings.append("renamed commands ('$...=') are ignored: the server's own names are used")
            return
        }
        switch OptionName(text) {
        case .known(let name):
            if OptionName.secrets.contains(name) {
                doubt = doubt ?? "'\(name)'"
            } else {
                doubt = nil
                guard !MisplacedOption.follows(anyOf: [";", "&", " "], in: value) else {
                    throw Self.dividedOtherwise(part)
                }
            }
            options.append(Option(name: name, value: value, part: part))
        case .unknown(let meant):
            guard doubt != nil || !MisplacedOption.follows(anyOf: [";", "&", " ", "?"], in: text + "=") else {
                throw Self.dividedOtherwise(part)
            }
            warnings.append(unknown(part, meant: meant))
            doubt = doubt ?? "an unknown option"
        }
    }

    private func unknown(_ part: Int, meant: String?) -> String {
        let known = "is not a known option and has no effect"
        if let meant { return "part \(part) of the connection string \(known); did you mean '\(meant)'?" }
        guard let doubt else { return "part \(part) of the connection string \(known)" }
        return
            "part \(part) of the connection string follows \(doubt), \(known); a password with a comma cannot be written here: \(Self.remedy)"
    }

    private static let remedy =
        "write a URL (redis://:password@host:6379) with %2C for the comma, or use a password file"

    private static func dividedOtherwise(_ part: Int) -> ConnectionStringError {
        ConnectionStringError(
            "part \(part) of the connection string contains more than one option: separate options with commas, not with semicolons, '&' or spaces: host:6379,ssl=true,password=..."
        )
    }

    // MARK: - Servers

    private mutating func takeServer(_ text: String, part: Int) throws(ConnectionStringError) {
        guard !text.contains(";") else { throw Self.dividedOtherwise(part) }
        let server = try HostAndPort.stackExchange(text)
        let isKnown = servers.contains { if case .tcp(let other) = $0 { other == server } else { false } }
        if !isKnown { servers.append(.tcp(server)) }
    }

    private static func socket(_ path: Substring, part: Int) throws(ConnectionStringError) -> String {
        guard path.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw ConnectionStringError("the path of a unix socket contains a control character")
        }
        guard path.first == "/", !path.contains(where: { ";=".contains($0) }) else {
            throw ConnectionStringError(
                "part \(part) of the connection string is not the path of a unix socket: write !/run/redis.sock, with commas before options"
            )
        }
        return String(path)
    }

    /// - Throws: if the text cannot be a server.
    private func candidate(_ text: String, part: Int) throws(ConnectionStringError) -> HostAndPort {
        guard Self.isName(text.prefix { $0 != ":" }) else { throw inDoubt(part) }
        do throws(ConnectionStringError) { return try HostAndPort.stackExchange(text) } catch { throw inDoubt(part) }
    }

    private func inDoubt(_ part: Int) -> ConnectionStringError {
        ConnectionStringError(
            "part \(part) of the connection string follows \(doubt ?? "'password'") and is neither a known option nor clearly a server; put servers before it, or add the port (host:6379); a password with a comma cannot be written here: \(Self.remedy)"
        )
    }

    /// A single candidate must be the server. With other servers, only the form `host:port` counts.
    private mutating func settleCandidates() throws(ConnectionStringError) {
        let isAlone = servers.isEmpty && candidates.count == 1
        for (server, part) in candidates {
            if isAlone, server.port != nil {
                servers.append(.tcp(server))
                continue
            }
            guard isAlone || server.port != nil else { throw inDoubt(part) }
            servers.append(.concealed(server, part: part))
            warnings.append(
                "part \(part) of the connection string follows a password and is taken for a server; it is not shown, as it may be the rest of that password. Write servers first"
            )
        }
    }

    /// An address, `localhost`, or a full name with its port.
    private static func isSurelyServer(_ text: String) -> Bool {
        guard let server = try? HostAndPort.stackExchange(text) else { return false }
        if server.host == "localhost" || (try? SocketAddress(ipAddress: server.host, port: 0)) != nil { return true }
        let labels = server.host.split(separator: ".", omittingEmptySubsequences: false)
        guard server.port != nil, labels.count >= 2, let last = labels.last else { return false }
        return isName(server.host[...]) && !server.host.contains { $0.isUppercase || $0 == "_" }
            && last.count >= 2 && last.allSatisfy(\.isLetter) && labels.allSatisfy { !$0.isEmpty }
    }

    private static func isName(_ text: Substring) -> Bool {
        !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || ".-_".contains($0)) }
    }
}

/// The name of an option in an address, as far as recognized. Unknown text is never printed: it may be part of a
/// password.
enum OptionName: Equatable {
    /// As spelled in StackExchange.Redis.
    case known(String)
    /// `meant` is an option with a similar spelling, or `password` for its synonyms.
    case unknown(meant: String?)

    init(_ text: some StringProtocol) {
        let lowercased = text.lowercased()
        if let known = Self.known[lowercased] {
            self = .known(known)
        } else {
            self = .unknown(meant: Self.meant(by: lowercased))
        }
    }

    /// True for options followed by a secret, even if misspelled.
    var isSecret: Bool {
        switch self {
        case .known(let name), .unknown(.some(let name)): Self.secrets.contains(name)
        case .unknown(nil): false
        }
    }

    /// True for an option, even if misspelled; false for any other text.
    var isPlausible: Bool { self != .unknown(meant: nil) }

    static let secrets: Set<String> = ["password", "sentinelPassword"]

    /// Options of StackExchange.Redis' behaviour that do not apply to our connections.
    static let withoutBearing: Set<String> = [
        // We behave like `abortConnect=false`: connecting is retried.
        "abortConnect", "abortOnConnectFail", "allowAdmin", "asyncTimeout", "backlogPolicy", "certificateSelection",
        "checkCertificateRevocation", "configChannel", "configCheckSeconds", "configurationChannel", "connectRetry",
        "defaultVersion", "heartbeatConsistencyChecks", "heartbeatInterval", "highIntegrity", "highPriorityThreads",
        "highPrioritySocketThreads", "includeDetailInExceptions", "includePerformanceCountersInExceptions",
        "libraryName", "preserveAsyncOrder", "protocol", "proxy", "reconnectRetryPolicy", "resolveDns",
        "responseTimeout", "setClientLibrary", "setlib", "tcpKeepAlive", "tiebreaker", "version", "writeBuffer",
    ]

    private static let known: [String: String] = {
        let names =
            withoutBearing.union(secrets).union([
                "channelPrefix", "connectTimeout", "defaultDatabase", "keepAlive", "name", "sentinelUser",
                "serviceName", "ssl", "sslHost", "sslProtocols", "syncTimeout", "tunnel", "user",
            ])
        return Dictionary(uniqueKeysWithValues: names.map { ($0.lowercased(), $0) })
    }()

    /// Synonyms of password.
    private static let wordsForPassword: Set<String> = [
        "accesskey", "accountkey", "apikey", "auth", "authpassword", "authtoken", "key", "masterauth", "pass",
        "passphrase", "passwd", "primarykey", "pw", "pwd", "redispassword", "requirepass", "secret", "sharedkey",
        "token",
    ]

    private static let longestMisspelling = 40

    private static func meant(by text: String) -> String? {
        if wordsForPassword.contains(text) { return "password" }
        let text = Array(text.utf8)
        guard text.count <= longestMisspelling else { return nil }
        var nearest: (name: String, distance: Int)?
        for (lowercased, name) in known {
            let limit = lowercased.utf8.count >= 8 ? 2 : lowercased.utf8.count >= 4 ? 1 : 0
            let distance = distance(text, Array(lowercased.utf8))
            guard distance <= limit else { continue }
            if let nearest, (nearest.distance, nearest.name) < (distance, name) { continue }
            nearest = (name, distance)
        }
        return nearest?.name
    }

    /// Number of letters to insert, delete, replace, or swap with their neighbour.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        guard left.count.distance(to: right.count).magnitude <= 2 else { return .max }
        var before: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var next = [row + 1]
            for column in right.indices {
                let replaced = last[column] + (left[row] == right[column] ? 0 : 1)
                var best = min(replaced, last[column + 1] + 1, next[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, before[column - 1] + 1)
                }
                next.append(best)
            }
            (before, last) = (last, next)
        }
        return last[right.count]
    }
}

/// Finds one notation used in another by mistake.
enum MisplacedOption {
    /// Whether an option follows one of these characters: `;password=`, `? db =`.
    ///
    /// - Parameter signs: wrong separators.
    static func follows(anyOf signs: Set<Character>, in text: some StringProtocol) -> Bool {
        var rest = text[...]
        while let sign = rest.firstIndex(where: { signs.contains($0) || ($0.isWhitespace && signs.contains(" ")) }) {
            rest = rest[rest.index(after: sign)...]
            guard let equals = rest.firstIndex(of: "=") else { return false }
            if OptionName(rest[..<equals].trimmingSpaces()).isPlausible { return true }
        }
        return false
    }
}
