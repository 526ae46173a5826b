/// Options that have no effect without another one: using them alone is a mistake, to be reported early.
///
/// Checks the command line, not the parsed options, where a default looks like a given value.
enum OptionRequirements {
    private struct Requirement {
        let options: [String]
        /// One of these is required.
        let needed: [String]
        /// What does not happen otherwise.
        let because: String
        /// Whether it also applies to variables, which may be meant for another command.
        var holdsForVariables = true
    }

    /// Of `run` and `tail`.
    private static let core = [
        Requirement(
            options: ["--core-connections"], needed: ["--core", "--core-hub"],
            because: "nothing of ASP.NET Core SignalR is watched"),
        // BACKPLANE_RELAY_YES may be meant for replay, BACKPLANE_RELAY_CHANNEL_PREFIX for another command.
        Requirement(
            options: ["--channel-prefix", "--yes"], needed: ["--core", "--core-hub"],
            because: "nothing of ASP.NET Core SignalR is watched", holdsForVariables: false),
        Requirement(
            options: ["--core-exclude"], needed: ["--core"],
            because: "no hubs are searched for, so none can be excluded"),
    ]

    private static let requirements: [String: [Requirement]] = [
        "tail": core,
        "run": core + [
            Requirement(
                options: [
                    "--compression", "--compression-level", "--segment-size", "--segment-duration", "--fsync",
                    "--min-free-disk", "--retain-size", "--retain-age", "--archive-command", "--payload",
                    "--redact-json-keys", "--redact-key-file",
                ],
                needed: ["--record"], because: "nothing is recorded"),
            Requirement(
                options: ["--archive-timeout"], needed: ["--archive-command"], because: "nothing is archived"),
            Requirement(
                options: [
                    "--forward-channel", "--forward-map-prefix", "--forward-map-hub", "--forward-buffer",
                    "--forward-password-file", "--forward-ca-file",
                ],
                needed: ["--forward"], because: "nothing is forwarded"),
            Requirement(
                options: ["--tap-full-sync-limit"], needed: ["--tap"],
                because: "the replication stream is not read, so no full sync is needed", holdsForVariables: false),
            Requirement(options: ["--tls-key"], needed: ["--tls-cert"], because: "HTTPS is not possible"),
            Requirement(options: ["--tls-cert"], needed: ["--tls-key"], because: "HTTPS is not possible"),
        ],
        "hub": [
            Requirement(
                options: ["--channel-prefix"], needed: ["--core-hub"],
                because: "the backplane of ASP.NET Core SignalR is not joined", holdsForVariables: false)
        ],
        "check": [
            // BACKPLANE_RELAY_LISTEN may be meant for run or hub.
            Requirement(
                options: ["--listen"], needed: ["--interval"], because: "nothing is served", holdsForVariables: false),
            Requirement(
                options: ["--ping-count", "--ping-connections"], needed: ["--ping"], because: "nothing is pinged",
                holdsForVariables: false),
            // BACKPLANE_RELAY_HUB_CA_FILE may be set for other checks.
            Requirement(
                options: ["--hub-ca-file"], needed: ["--hub-url"], because: "the check's own nodes do not use TLS",
                holdsForVariables: false),
        ],
        "bench": [
            Requirement(
                options: [
                    "--redis-ca-file", "--redis-cert-file", "--redis-key-file", "--redis-server-name",
                    "--redis-insecure", "--redis-password-file",
                ],
                needed: ["--redis"], because: "a redis-server is started on this machine", holdsForVariables: false)
        ],
        "export": [
            Requirement(
                options: ["--force"], needed: ["--output", "-o"], because: "there is no file to overwrite",
                holdsForVariables: false)
        ],
    ]

    /// An option without effect beside another one. A variable may be meant for another command.
    private struct Conflict {
        let option: String
        let other: String
        let because: String
    }

    private static let conflicts: [String: [Conflict]] = [
        "check": [
            Conflict(
                option: "--nodes", other: "--hub-url", because: "no nodes are started when --hub-url names running ones"
            ),
            Conflict(option: "--nodes", other: "--ping", because: "no nodes are started with --ping"),
            Conflict(option: "--messages", other: "--ping", because: "no messages are sent with --ping"),
            Conflict(
                option: "--interval", other: "--ping", because: "check --ping measures once; run --ping repeats it"),
            Conflict(
                option: "--ping-connections", other: "--hub-url",
                because: "each node of --hub-url is pinged through one connection"),
        ]
    ]

    /// The options in both tables, by command.
    static var mentioned: [String: [String]] {
        requirements.mapValues { $0.flatMap { $0.options + $0.needed } }.merging(
            conflicts.mapValues { $0.flatMap { [$0.option, $0.other] } }, uniquingKeysWith: +)
    }

    /// - Parameters:
    ///   - arguments: the command and its arguments, including those from the environment.
    ///   - isVariable: whether a flag came from the environment.
    /// - Returns: the first option without effect, as a sentence; nil if there is none.
    static func complaint(about arguments: [String], isVariable: (String) -> Bool) -> String? {
        guard let command = arguments.first else { return nil }
        let given = Set(arguments.dropFirst().map { String($0.prefix { $0 != "=" }) })
        // Help is always available.
        guard given.isDisjoint(with: ["-h", "--help"]) else { return nil }
        for requirement in requirements[command] ?? [] where given.isDisjoint(with: requirement.needed) {
            for option in requirement.options where given.contains(option) {
                if isVariable(option), !requirement.holdsForVariables { continue }
                return "\(option): \(requirement.because) without \(requirement.needed[0])"
            }
        }
        let pointless = conflicts[command]?.first { conflict in
            given.isSuperset(of: [conflict.option, conflict.other]) && !isVariable(conflict.option)
        }
        return pointless.map { "\($0.option): \($0.because)" }
    }
}
