import Testing

@testable import backplane_relay

@Suite struct OptionRequirementsTests {
    @Test(
        arguments: [
            (["run", "--retain-size", "1GB"], "--retain-size: nothing is recorded without --record"),
            (["run", "--segment-size=1MiB"], "--segment-size: nothing is recorded without --record"),
            (["run", "--payload", "none"], "--payload: nothing is recorded without --record"),
            (
                ["run", "--record", "/d", "--archive-timeout", "1m"],
                "--archive-timeout: nothing is archived without --archive-command"
            ),
            (["run", "--forward-channel", "x"], "--forward-channel: nothing is forwarded without --forward"),
            (["run", "--forward-buffer", "2MiB"], "--forward-buffer: nothing is forwarded without --forward"),
            (["run", "--tls-key", "k"], "--tls-key: HTTPS is not possible without --tls-cert"),
            (["run", "--tls-cert", "c"], "--tls-cert: HTTPS is not possible without --tls-key"),
            (
                ["run", "--channel", "c", "--core-exclude", "H"],
                "--core-exclude: no hubs are searched for, so none can be excluded without --core"
            ),
            (
                ["tail", "--core-hub", "H", "--core-exclude", "I"],
                "--core-exclude: no hubs are searched for, so none can be excluded without --core"
            ),
            (
                ["run", "--channel", "c", "--core-connections"],
                "--core-connections: nothing of ASP.NET Core SignalR is watched without --core"
            ),
            (
                ["tail", "--channel", "c", "--channel-prefix=p"],
                "--channel-prefix: nothing of ASP.NET Core SignalR is watched without --core"
            ),
            (
                ["run", "--channel", "c", "--yes"],
                "--yes: nothing of ASP.NET Core SignalR is watched without --core"
            ),
            (["check", "--listen", ":1"], "--listen: nothing is served without --interval"),
            (["export", "x", "--force"], "--force: there is no file to overwrite without --output"),
            (
                ["bench", "--redis-insecure"],
                "--redis-insecure: a redis-server is started on this machine without --redis"
            ),
            (
                ["check", "--nodes", "3", "--hub-url", "http://n"],
                "--nodes: no nodes are started when --hub-url names running ones"
            ),
            (["check", "--ping-count", "3"], "--ping-count: nothing is pinged without --ping"),
            (["check", "--hub-ca-file", "f"], "--hub-ca-file: the check's own nodes do not use TLS without --hub-url"),
            (["check", "--core", "--ping", "--messages=3"], "--messages: no messages are sent with --ping"),
            (
                ["check", "--core", "--ping", "--interval", "5s"],
                "--interval: check --ping measures once; run --ping repeats it"
            ),
            (
                ["check", "--ping", "--ping-connections", "3", "--hub-url", "http://n"],
                "--ping-connections: each node of --hub-url is pinged through one connection"
            ),
        ])
    func withoutUse(_ arguments: [String], _ complaint: String) {
        #expect(OptionRequirements.complaint(about: arguments) { _ in false } == complaint)
    }

    @Test(arguments: [
        ["run", "--record", "/d", "--retain-size", "1GB", "--archive-command", "c", "--archive-timeout", "1m"],
        ["run", "--record=/d", "--payload=none"], ["run", "--tls-key", "k", "--tls-cert=c"],
        ["run", "--forward", "r", "--forward-channel", "x"], ["run", "--retain-size", "--help"], ["run"], [],
        ["run", "--core", "--core-exclude", "H", "--channel-prefix", "p", "--yes"],
        ["tail", "--core-hub", "H", "--core-connections", "--channel-prefix", "p"],
        ["check", "--listen", ":1", "--interval", "5s"], ["check", "--core", "--ping", "--ping-count=3"],
        ["export", "x", "--force", "-o", "f"], ["cat", "x"],
    ])
    func ofUse(_ arguments: [String]) {
        #expect(OptionRequirements.complaint(about: arguments) { _ in false } == nil)
    }

    /// A variable for `run` is checked like an option; one for another command is ignored.
    @Test func variables() {
        let all: (String) -> Bool = { _ in true }
        #expect(OptionRequirements.complaint(about: ["run", "--tls-key=k"], isVariable: all) != nil)
        #expect(OptionRequirements.complaint(about: ["run", "--retain-size=1GB"], isVariable: all) != nil)
        #expect(OptionRequirements.complaint(about: ["check", "--listen=:1"], isVariable: all) == nil)
        #expect(OptionRequirements.complaint(about: ["run", "--channel=c", "--yes"], isVariable: all) == nil)
        #expect(OptionRequirements.complaint(about: ["export", "x", "--force"], isVariable: all) == nil)
    }

    /// Every option of the table exists.
    @Test func namesAreThoseOfTheParser() throws {
        let root = try #require(CommandDescription.root())
        for (command, options) in OptionRequirements.mentioned {
            let description = try #require(root.subcommands?.first { $0.commandName == command })
            for option in options where option.hasPrefix("--") {
                #expect(description.options.contains(String(option.dropFirst(2))), "\(command) \(option)")
            }
        }
    }
}
