import Testing

@testable import backplane_relay

@Suite struct EnvironmentOptionsTests {
    private static let everything = [
        "BACKPLANE_RELAY_CHANNEL": "chat,orders", "BACKPLANE_RELAY_HUB": "a,b", "BACKPLANE_RELAY_METHOD": "m",
        "BACKPLANE_RELAY_SIGNAL": "hg-*", "BACKPLANE_RELAY_KIND": "user", "BACKPLANE_RELAY_SOURCE": "s",
        "BACKPLANE_RELAY_GREP": "x", "BACKPLANE_RELAY_SAMPLE": "10%", "BACKPLANE_RELAY_FROM_ID": "7",
        "BACKPLANE_RELAY_UNTIL_ID": "9", "BACKPLANE_RELAY_FROM": "-15m", "BACKPLANE_RELAY_UNTIL": "+5s",
        "BACKPLANE_RELAY_LIMIT": "3", "BACKPLANE_RELAY_JSON": "true", "BACKPLANE_RELAY_REDIS": "redis://r",
        "BACKPLANE_RELAY_RECORD": "/d", "BACKPLANE_RELAY_NODES": "3",
    ]

    /// If variables for `run` applied here, they would silently hide a part of a capture.
    @Test(arguments: ["cat", "info", "verify", "export", "replay", "merge", "diff", "recover"])
    func nothingSelectsWithinACapture(_ command: String) throws {
        let merged = EnvironmentOptions.merged(into: [command, "x"], environment: Self.everything)
        let options = merged.arguments.dropFirst().filter { $0.hasPrefix("--") }
        #expect(options.allSatisfy { $0 == "--json" }, "\(options)")
        let root = try #require(CommandDescription.root())
        let description = try #require(root.subcommands?.first { $0.commandName == command })
        #expect(description.readsCaptures)
        #expect(options.contains("--json") == description.options.contains("json"))
    }

    @Test(arguments: [
        ("run", "--channel=chat"), ("tail", "--channel=orders"), ("hub", "--channel=chat,orders"),
        ("check", "--channel=chat,orders"), ("tail", "--hub=a"), ("tail", "--limit=3"), ("check", "--nodes=3"),
        ("run", "--record=/d"), ("bench", "--record=/d"),
    ])
    func whatIsLiveIsSet(_ command: String, _ option: String) {
        let merged = EnvironmentOptions.merged(into: [command], environment: Self.everything)
        #expect(merged.arguments.contains(option))
        #expect(merged.variables[String(option.prefix { $0 != "=" })]?.hasPrefix("BACKPLANE_RELAY_") == true)
    }

    /// Commas in a generic type do not separate hubs.
    @Test func hubsAreSeparatedByCommasOutsideBrackets() {
        let generic = "Chat.Room`2[[System.Int32, System.Private.CoreLib, Version=8.0.0.0],[System.String, X]]"
        let merged = EnvironmentOptions.merged(
            into: ["run"],
            environment: [
                "BACKPLANE_RELAY_CORE_HUB": "\(generic), Chat.Hubs.ChatHub", "BACKPLANE_RELAY_CORE": "true",
                "BACKPLANE_RELAY_CORE_EXCLUDE": "A,B", "BACKPLANE_RELAY_CHANNEL_PREFIX": "a,[b:",
            ])
        #expect(
            Set(merged.arguments) == [
                "run", "--core", "--core-hub=\(generic)", "--core-hub=Chat.Hubs.ChatHub", "--core-exclude=A",
                "--core-exclude=B", "--channel-prefix=a,[b:",
            ])
    }

    /// Demo data must not go into the directory of `run`.
    @Test func aDemoDoesNotRecordWhereRunDoes() {
        let merged = EnvironmentOptions.merged(into: ["demo"], environment: Self.everything)
        #expect(!merged.arguments.contains { $0.hasPrefix("--record") })
    }

    /// It would load the Redis of `run` to its limit.
    @Test func aBenchIgnoresTheRedisOfTheEnvironment() {
        let merged = EnvironmentOptions.merged(into: ["bench"], environment: Self.everything)
        #expect(!merged.arguments.contains { $0.hasPrefix("--redis") })
        #expect(merged.variables["--redis"] == nil)
    }

    @Test func theCommandLineTakesPrecedence() {
        let merged = EnvironmentOptions.merged(into: ["tail", "--kind", "hub"], environment: Self.everything)
        #expect(!merged.arguments.contains("--kind=user"))
        #expect(merged.variables["--kind"] == nil)
    }

    @Test func anErrorNamesTheVariable() {
        let merged = EnvironmentOptions.merged(
            into: ["run"], environment: ["BACKPLANE_RELAY_TLS_KEY": "k", "BACKPLANE_RELAY_REDIS": "redis://r"])
        #expect(
            merged.origin(ofOptionsIn: "Error: --tls-key: it needs the certificate, --tls-cert")
                == "--tls-key is set by the environment variable BACKPLANE_RELAY_TLS_KEY.")
        #expect(merged.origin(ofOptionsIn: "Error: the value is invalid for '--redis-ca-file <f>'") == nil)
    }
}
