import Testing

@testable import backplane_relay

@Suite struct SuggestionTests {
    private func root() throws -> CommandDescription { try #require(CommandDescription.root()) }

    @Test(arguments: [
        (["replya"], "unknown command 'replya'; did you mean 'replay'?"),
        (["Replay", "x"], "unknown command 'Replay'; did you mean 'replay'?"),
        (["tial"], "unknown command 'tial'; did you mean 'tail'?"),
        (["rn"], "unknown command 'rn'; did you mean 'run'?"),
        (["exp"], "unknown command 'exp'; did you mean 'export'?"),
        (["help", "mrege"], "unknown command 'mrege'; did you mean 'merge'?"),
        (["frobnicate"], "unknown command 'frobnicate'; 'backplane-relay --help' lists the commands"),
        (["a\u{1B}[31m"], "unknown command 'a\u{FFFD}[31m'; 'backplane-relay --help' lists the commands"),
        (["redis://:secret@host"], "unknown command '...'; 'backplane-relay --help' lists the commands"),
        (["tail", "-channel", "x"], "'-channel' has one dash; write --channel"),
        (["cat", "/c", "-from=-15m"], "'-from' has one dash; write --from"),
        (["--verison"], "unknown option '--verison'; did you mean '--version'?"),
        (
            ["--redis", "redis://:secret@host", "run"],
            "--redis stands before the command; options follow it: backplane-relay run --redis ..."
        ),
    ])
    func whatWasMeant(_ arguments: [String], _ complaint: String) throws {
        #expect(Suggestion.complaint(about: arguments, in: try root()) == complaint)
    }

    @Test(arguments: [
        [], ["run"], ["help"], ["help", "run"], ["cat", "--from", "-hub"], ["merge", "a", "b", "-o", "c"],
        ["cat", "-h"], ["--help"], ["-h"], ["--version"],
        ["--generate-completion-script", "bash"], ["--generate-completion-script=bash"],
    ])
    func whatIsRight(_ arguments: [String]) throws {
        #expect(Suggestion.complaint(about: arguments, in: try root()) == nil)
    }

    @Test(arguments: [
        ("tail", "--chanel", "unknown option '--chanel'; did you mean '--channel'?"),
        ("tail", "--speed", "unknown option '--speed'; it is one of replay, demo, not of tail"),
        ("info", "--xyzzy", "unknown option '--xyzzy'"),
        ("replay", "--dryrun", "unknown option '--dryrun'; did you mean '--dry-run'?"),
    ])
    func options(_ command: String, _ option: String, _ line: String) throws {
        let message = "Error: Unknown option '\(option)'. Did you mean '--nonsense'?\nUsage: x"
        #expect(Suggestion.improved(message, command: command, in: try root()) == "Error: \(line)\nUsage: x")
    }

    @Test(arguments: [("abc", "abc", 0), ("abc", "acb", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("a", "b", 1)])
    func distances(_ first: String, _ second: String, _ distance: Int) {
        #expect(Suggestion.distance(first, second) == distance)
        #expect(Suggestion.distance(second, first) == distance)
    }
}
