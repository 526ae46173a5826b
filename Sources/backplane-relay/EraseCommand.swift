import ArgumentParser
import Capture
import Relay
import Time

struct EraseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract: "Write copies of captures without the data of one person.",
        discussion: """
            Examples:
              backplane-relay erase captures --user alice -o captures-erased
              backplane-relay erase captures --connection 8Zr2vEFWJYJzJmMYbFRJJA \\
                --connection 1fJ0sB2lq2oT8WZbHq0J3g -o captures-erased
              backplane-relay erase captures --user alice --names-key-file names.key \\
                -o captures-erased

            It removes what the backplane itself assigns to the person: envelopes for the user or the connection, \
            messages that the connection sent, commands that add it to groups or remove it from them, and the acks and \
            results that answer them. If a message excludes the connection, the connection's id is replaced. It does \
            not find texts: a name in the arguments of a broadcast, in JSON or in the name of a group. It counts the \
            envelopes that still have the name; --matching removes these too, unless the name is compressed, encoded \
            or hashed.

            The originals are not changed: delete them, and their copies. Ids stay complete: an envelope of SignalR 2 \
            keeps its id without its messages. The new files state how much was removed, not for whom.

            Exit status 3 if part of a capture could not be read; that part is not in the new files.
            """)

    @OptionGroup var captures: CaptureFileArguments

    @Option(
        help: ArgumentHelp("Erase messages for this user. Repeat it for more.", valueName: "name"),
        transform: SelectionValue.text)
    var user: [String] = []

    @Option(
        help: ArgumentHelp(
            "Erase messages for or from this connection id, and commands about it. Repeat it for more.",
            valueName: "id"),
        transform: SelectionValue.text)
    var connection: [String] = []

    @Option(
        help: ArgumentHelp(
            "Also erase every message with this text anywhere in it. Case matters. Repeat it for more.",
            valueName: "text"),
        transform: SelectionValue.text)
    var matching: [String] = []

    @Option(
        help: ArgumentHelp(
            "File with the key of the hashes, if the captures were recorded with --names hash.", valueName: "file"))
    var namesKeyFile: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Directory for the new captures; created if it does not exist.", valueName: "dir"))
    var output: String

    func validate() throws {
        if output.isEmpty { throw ValidationError("-o: name a directory") }
        if user.isEmpty, connection.isEmpty, matching.isEmpty {
            throw ValidationError("say what to erase: --user, --connection or --matching")
        }
    }

    func run() throws {
        let capture = try captures.open()
        var erasure: CaptureErasure
        do {
            erasure = try CaptureErasure(
                capture, of: try person(), hasNamesKey: namesKeyFile != nil, relayVersion: BackplaneRelay.version)
        } catch CaptureErasure.Refusal.hashedNames {
            throw ExplainedError("\(CaptureErasure.Refusal.hashedNames) (--names-key-file)")
        }
        let bar = ProgressBar(label: "erase", total: capture.size)
        defer { bar.finish() }
        let outcome = try erasure.write(to: output, at: .now()) { bar.update(done: $0) }
        bar.finish()
        for line in lines(outcome) { print(line) }
        report(outcome)
        for damage in outcome.damage.prefix(20) { StandardError.print("damage: \(damage)") }
        if !outcome.damage.isEmpty { throw ExitCode.lossOrDamage }
    }

    private func person() throws -> ErasedPerson {
        var person = ErasedPerson(users: user, connections: connection, texts: matching)
        guard let namesKeyFile else { return person }
        let hashed = HashedNames(key: try RecordingOptions.key(namesKeyFile, "--names-key-file"))
        person.users += user.flatMap { hashed.user($0) }
        person.connections += connection.map { hashed.connection($0) }
        return person
    }

    private func lines(_ outcome: CaptureErasure.Outcome) -> [String] {
        var lines = [
            "erased".padding(to: 14) + Format.count(outcome.removed, "envelope"),
            "changed".padding(to: 14) + Format.count(outcome.changed, "envelope"),
        ]
        for part in ErasedPart.allCases {
            guard let count = outcome.parts[part] else { continue }
            lines.append("".padding(to: 14) + "\(Format.count(count)) \(part.text)")
        }
        let files = Format.count(outcome.paths.count, "segment")
        return lines + ["written".padding(to: 14) + "\(files) in '\(output)'"]
    }

    private func report(_ outcome: CaptureErasure.Outcome) {
        if outcome.removed + outcome.changed == 0 {
            StandardError.print("nothing was found; is the name spelled as the application spells it?")
        }
        if outcome.mentions > 0 {
            let envelopes = Format.count(outcome.mentions, "envelope still has", "envelopes still have")
            StandardError.print(
                "warning: \(envelopes) the name or text; 'cat --grep' shows which, --matching erases them too"
            )
        }
        StandardError.print("the originals still contain everything")
    }
}
