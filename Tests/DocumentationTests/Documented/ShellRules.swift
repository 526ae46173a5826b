/// How the tests run the shell commands of the texts.
enum ShellRules {
    /// Commands that no test can run, by how they begin, and why.
    static let exceptions: [(start: String, reason: String)] = [
        ("apt-get update", "installs packages, as root; `PackageListTests` compares the list with that of CI"),
        ("swift build", "CI builds; a second build would wait for the end of the tests"),
        ("swift run", "builds as well; `demo` itself is run, and `DocumentedCodeTests` runs the hub of the tutorial"),
        ("Tests/run", "runs these tests"),
        ("RENEW_MANUAL=1 swift test", "changes the tree; `CommandsAndOptionsTests` says whether it is needed"),
        ("redis-server &", "listens on a port that another Redis of this machine may use"),
        ("kill -HUP \"$(pidof prometheus)\"", "would reach each Prometheus of this machine"),
        ("systemctl", "needs systemd as process 1"),
        ("docker", "needs a container engine"),
    ]

    static func exception(for command: String) -> String? {
        exceptions.first { command.hasPrefix($0.start) }?.reason
    }

    /// Programs that a test machine need not have, replaced by a shell script: the commands beside them in a pipe are run.
    static func standIns(root: String) -> [(program: String, script: String)] {
        [
            ("kubectl", "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\""),
            ("journalctl", "exec cat \(root)/relay.log"),
            ("less", "exec cat"),
        ]
    }

    /// Other figures and directories, so that a command ends soon and has something to show.
    private static let figures: [(String, String)] = [
        ("backplane-relay bench", "backplane-relay bench --seconds 0.1 --max-rate 5000"),
        ("--expect 20000", "--expect 200"),
        ("--duration 20s", "--duration 2s"), ("--duration 30s", "--duration 2s"),
        ("--keep-running", "--duration 1s --keep-running"),
        ("--from 14:00 --until 14:10", "--from $(date -d '-5 min' +%H:%M) --until $(date -d '+5 min' +%H:%M)"),
        ("--from-id 477 --until-id 487", "--from-id 4 --until-id 7"), ("--from +25s", "--from +1ms"),
        // The others read this directory meanwhile.
        ("--record /var/lib/backplane-relay", "--record /var/lib/recorded"),
        (".build/release/backplane-relay", "relay"),
    ]

    static func shortened(_ command: String) -> String {
        figures.reduce(command) { $0.replacing($1.0, with: $1.1) }
    }

    /// A command that runs until it is stopped.
    struct Service {
        /// In what it prints, once it works.
        let sign: String
        let signal: Int32
    }

    static func service(_ command: String) -> Service? {
        guard let word = command.firstMatch(of: #/backplane-relay ([a-z]+)/#)?.output.1 else { return nil }
        return switch word {
        case "run" where !command.contains("--check-only"): Service(sign: " listening ", signal: 15)
        case "hub": Service(sign: " listening ", signal: 15)
        case "check" where command.contains("--interval"): Service(sign: "PASS", signal: 15)
        case "tail" where !command.contains("--limit"): Service(sign: "broadcastMessage", signal: 2)
        case "demo" where command.contains("--keep-running"): Service(sign: "keep running", signal: 2)
        default: nil
        }
    }

    /// The exit status that a command must have, other than 0, and why.
    static let statuses: [(start: String, status: Int32, reason: String)] = [
        ("backplane-relay diff ", 3, "the captures differ")
    ]

    static func status(of command: String) -> Int32 { statuses.first { command.hasPrefix($0.start) }?.status ?? 0 }

    /// Commands that print nothing to standard output.
    static func isSilent(_ command: String) -> Bool {
        ["cp", "mkdir", "install", "backplane-relay export", "backplane-relay run", "backplane-relay hub"]
            .contains { command.hasPrefix($0 + " ") } || command.contains("select(.error)")
            || service(command) != nil
    }

    /// Options that a service needs in a test, because of other tests on this machine.
    static func listening(_ command: String) -> String {
        let serves = service(command) != nil && !command.contains("tail") && !command.contains("demo")
        return serves && !command.contains("--listen") ? command + " --listen 127.0.0.1:0" : command
    }
}
