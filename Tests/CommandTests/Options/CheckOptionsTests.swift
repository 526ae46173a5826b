import ArgumentParser
import Testing

@testable import backplane_relay

/// Which options of `check` go together.
@Suite struct CheckOptionsTests {
    private static func parsed(_ arguments: [String]) throws -> any ParsableCommand {
        try BackplaneRelay.parseAsRoot(["check", "--redis", "redis"] + arguments)
    }

    @Test(arguments: [
        ([], "--channel: name an event key, or check ASP.NET Core SignalR with --core"),
        (["--channel", ""], "--channel: name an event key"),
        (["--channel", "c", "--core-hub", "H"], "--core-hub: only with --core"),
        (["--channel", "c", "--protocols", "json"], "--protocols: only with --core"),
        (["--channel", "c", "--hub-token-file", "f"], "--hub-token-file: only with --core"),
        (["--channel", "c", "--hub-header-file", "f"], "--hub-header-file: only with --core"),
        (["--channel", "c", "--ping"], "--ping: pings nodes of ASP.NET Core SignalR; check those with --core"),
        (["--ping"], "--ping: pings nodes of ASP.NET Core SignalR; check those with --core"),
        (["--core", "--channel", "c"], "--channel: an event key of SignalR 2"),
        (["--core", "--core-hub", ""], "--core-hub: name a hub's .NET type"),
        (["--core", "--hub-url", "http://n/chathub"], "--core-hub: name the .NET type of the hub at --hub-url"),
        (["--core", "--ping"], "--core-hub: name the .NET type of the hub to ping"),
        (["--core", "--ping", "--hub-url", "http://n/chathub"], "--core-hub: name the .NET type of the hub to ping"),
        (
            ["--core", "--protocols", "messagepack", "--transport", "serverSentEvents"],
            "--protocols: serverSentEvents carries text, so only json"
        ),
        (["--channel", "c", "--hub-url", "node1"], "--hub-url: 'node1' is not the address of a hub node"),
    ])
    func areRefused(_ arguments: [String], _ part: String) {
        let error = #expect(throws: (any Error).self) { try Self.parsed(arguments) }
        let message = error.map { BackplaneRelay.message(for: $0) } ?? ""
        #expect(message.contains(part), "\(message)")
    }

    @Test(arguments: [
        ["--channel", "c"], ["--core"], ["--core", "--core-hub", "H", "--hub-url", "http://n/chathub"],
        ["--core", "--ping", "--core-hub", "H"], ["--channel", "c", "--hub-url", "https://n", "--hub-ca-file", "f"],
        ["--core", "--ping", "--core-hub", "H", "--hub-url", "http://n/chathub", "--ping-count", "100"],
    ])
    func areAccepted(_ arguments: [String]) throws {
        #expect(try Self.parsed(arguments) is CheckCommand)
    }
}
