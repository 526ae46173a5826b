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
