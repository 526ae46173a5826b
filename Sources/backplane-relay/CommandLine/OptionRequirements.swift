/// Options that have no use without another one: given alone they are a mistake, which nobody should find out about from
/// what did not happen.
///
/// Asked of the command line and not of the parsed options, where a default cannot be told from what was given.
enum OptionRequirements {
    private struct Requirement {
        let options: [String]
        /// One of these must be there.
        let needed: [String]
        /// What does not happen.
        let because: String
        /// Whether it also holds for variables: not for those that another command has a use for.
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
            options: ["--core-exclude"], needed: ["--core"], because: "no hubs are found, so none is left out"),
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
            Requirement(options: ["--tls-key"], needed: ["--tls-cert"], because: "a key alone makes no HTTPS"),
            Requirement(options: ["--tls-cert"], needed: ["--tls-key"], because: "a certificate alone makes no HTTPS"),
        ],
        "check": [
            // BACKPLANE_RELAY_LISTEN may be meant for run or hub.
            Requirement(
                options: ["--listen"], needed: ["--interval"], because: "nothing is served", holdsForVariables: false)
        ],
        "bench": [
            Requirement(
                options: [
                    "--redis-ca-file", "--redis-cert-file", "--redis-key-file", "--redis-server-name",
                    "--redis-insecure", "--redis-password-file",
                ],
                needed: ["--redis"], because: "a Redis of this machine is started", holdsForVariables: false)
        ],
        "export": [
            Requirement(
                options: ["--force"], needed: ["--output", "-o"], because: "there is no file to write over",
                holdsForVariables: false)
        ],
    ]

    /// The options that the table names, by command.
    static var mentioned: [String: [String]] {
        requirements.mapValues { $0.flatMap { $0.options + $0.needed } }
    }

    /// - Parameters:
    ///   - arguments: the command and its arguments, with what the environment adds.
    ///   - isVariable: whether a flag came from the environment.
    /// - Returns: the first option without use, in words; nil if each has one.
    static func complaint(about arguments: [String], isVariable: (String) -> Bool) -> String? {
        guard let command = arguments.first else { return nil }
        let given = Set(arguments.dropFirst().map { String($0.prefix { $0 != "=" }) })
        // Whoever asks for help gets it.
        guard given.isDisjoint(with: ["-h", "--help"]) else { return nil }
        for requirement in requirements[command] ?? [] where given.isDisjoint(with: requirement.needed) {
            for option in requirement.options where given.contains(option) {
                if isVariable(option), !requirement.holdsForVariables { continue }
                return "\(option): \(requirement.because) without \(requirement.needed[0])"
            }
        }
        if command == "check", given.contains("--nodes"), given.contains("--hub-url"), !isVariable("--nodes") {
            return "--nodes: no node is started where --hub-url names running ones"
        }
        return nil
    }
}
