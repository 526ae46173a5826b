import Foundation
import Redis
import TestSupport

/// A Redis with a sentinel that accepts canaries as passwords, and its address in every notation.
struct CanaryServer {
    /// Each part between separators is a canary, so that no part can be shown unnoticed.
    static let passwords = [
        "CanaryA,CanaryB", "CanaryA=CanaryB", "CanaryA;CanaryB", "CanaryA\"CanaryB", "\"CanaryA CanaryB\"",
        "CanaryA'CanaryB", "CanaryA%CanaryB", "CanaryA%41CanaryB%", "CanaryA CanaryB", "CanaryA@CanaryB",
        "CanaryA:CanaryB", "CanaryA/CanaryB\\CanaryC", "CanaryA?CanaryB#CanaryC&CanaryD", "CanaryA,CanaryB:6379",
        "CanaryA,CanaryB,CanaryC=1", "CanaryA;ssl=CanaryB", "CanaryA,ssl=CanaryB", "CanaryA=;", "CanaryA\u{E9}$CanaryB",
        worst,
    ]
    static let worst = "CanaryA,CanaryB=CanaryC;CanaryD\"CanaryE'CanaryF%CanaryG CanaryH@CanaryI"
    /// As many separators as a StackExchange.Redis string can carry.
    static let worstWithoutComma = "CanaryA=CanaryB;CanaryC\"CanaryD'CanaryE%CanaryF CanaryG@CanaryH"

    enum Form: String, CaseIterable {
        case redis, redisWithUser, rediss, unix, sentinel, stackExchange, stackExchangeServerLast, stackExchangeSentinel

        /// Commas separate options in a StackExchange.Redis string.
        func carries(_ password: String) -> Bool {
            switch self {
            case .redis, .redisWithUser, .rediss, .unix, .sentinel: true
            case .stackExchange, .stackExchangeServerLast, .stackExchangeSentinel: !password.contains(",")
            }
        }
    }

    let redis: RedisServer
    let sentinel: Sentinel
    let tlsPort: Int
    let socket: String
    let certificates: Certificates

    static func with(_ body: (CanaryServer) async throws -> Void) async throws {
        try await Certificates.with { certificates in
            try certificates.make("redis")
            let (tlsPort, socket) = (try FreePort.find(), certificates.path("redis.sock"))
            let arguments = certificates.serverArguments("redis", port: tlsPort) + ["--unixsocket", socket]
            try await RedisServer.with(arguments) { redis in
                try await Sentinel.with(watching: redis) { sentinel in
                    let all = ["on", "~*", "&*", "+@all"] + (passwords + [worstWithoutComma]).map { ">" + $0 }
                    for (user, port) in [("relay", redis.port), ("guard", sentinel.port), ("default", redis.port)] {
                        let reset = user == "default" ? "resetpass" : "reset"
                        let set = try await Finished.running(
                            .redisCLI, ["-p", "\(port)", "ACL", "SETUSER", user, reset] + all)
                        guard set.output.hasPrefix("OK") else { throw TestFailure(set.output + set.errors) }
                    }
                    try await body(
                        CanaryServer(
                            redis: redis, sentinel: sentinel, tlsPort: tlsPort, socket: socket,
                            certificates: certificates))
                }
            }
        }
    }

    func address(_ form: Form, _ password: String) -> String {
        let encoded = password.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let server = "127.0.0.1:\(redis.port)"
        return switch form {
        case .redis: "redis://:\(encoded)@\(server)"
        case .redisWithUser: "redis://relay:\(encoded)@\(server)"
        case .rediss: "rediss://relay:\(encoded)@127.0.0.1:\(tlsPort)"
        case .unix: "unix://relay:\(encoded)@\(socket)"
        case .sentinel: "redis+sentinel://relay:\(encoded)@127.0.0.1:\(sentinel.port)/mymaster"
        case .stackExchange: "\(server),user=relay,password=\(password)"
        case .stackExchangeServerLast: "password=\(password),\(server)"
        case .stackExchangeSentinel:
            "127.0.0.1:\(sentinel.port),serviceName=mymaster,user=relay,password=\(password),sentinelUser=guard,sentinelPassword=\(password)"
        }
    }

    /// Addresses without the password, which is in a file.
    var addressesForFile: [String] {
        [
            "redis://127.0.0.1:\(redis.port)", "redis://relay@127.0.0.1:\(redis.port)",
            "unix://relay@\(socket)", "redis+sentinel://relay@127.0.0.1:\(sentinel.port)/mymaster",
            "127.0.0.1:\(redis.port),user=relay",
        ]
    }

    /// The command's other required options.
    func options(_ form: Form, forward: Bool = false) -> [String] {
        form == .rediss ? [forward ? "--forward-ca-file" : "--redis-ca-file", certificates.path("ca.crt")] : []
    }

    /// Ends subscriptions, like an administrator.
    func cutSubscribers() async throws {
        _ = try await Finished.running(
            .redisCLI,
            [
                "-p", "\(redis.port)", "--no-auth-warning", "--user", "relay", "--pass", Self.worst, "CLIENT", "KILL",
                "TYPE", "pubsub",
            ])
    }
}
