import Backplane
import Foundation
import Redis
import TestSupport

/// Directories, programs and servers like those of the texts, for their commands.
struct DocumentedWorld: Sendable {
    let root: String
    let source: RedisServer
    let target: RedisServer
    var placeholders: Placeholders

    private static let folders = [
        "bin", "work", "var/lib", "etc/prometheus", "etc/grafana/provisioning/dashboards",
        "etc/grafana/provisioning/datasources", "captures", "archive", "usr/local/bin", "data", "tmp",
    ]

    /// Two empty servers.
    static func with(
        isolation: isolated (any Actor)? = #isolation, _ body: (DocumentedWorld) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { root in
            for folder in folders {
                try FileManager.default.createDirectory(atPath: "\(root)/\(folder)", withIntermediateDirectories: true)
            }
            try FileManager.default.createSymbolicLink(
                atPath: root + "/bin/backplane-relay", withDestinationPath: RelayProcess.path())
            for (program, script) in ShellRules.standIns(root: root) {
                try executable("\(root)/bin/\(program)", "#!/bin/sh\n\(script)\n")
            }
            try Data("0123456789abcdef0123456789abcdef".utf8).write(to: URL(filePath: root + "/names.key"))
            try await RedisServer.with { source in
                try await RedisServer.with { target in
                    for server in [source, target] {
                        let (user, password) = Placeholders.login
                        try await server.command([
                            "ACL", "SETUSER", .text(user), "on", .text(">\(password)"), "~*", "&*", "+@all",
                        ])
                    }
                    try await body(
                        DocumentedWorld(
                            root: root, source: source, target: target,
                            placeholders: Placeholders(root: root, source: source.port, target: target.port)))
                }
            }
        }
    }

    private static func executable(_ path: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    }

    // MARK: - Commands

    /// A new working directory.
    func folder() throws -> String {
        let path = root + "/work/" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        return path
    }

    /// Puts a file or directory into a working directory.
    func link(_ path: String, as name: String, in folder: String) throws {
        let link = folder + "/" + name
        try? FileManager.default.removeItem(atPath: link)
        // zstd ignores symbolic links.
        if name.hasSuffix(".zst") { return try FileManager.default.copyItem(atPath: path, toPath: link) }
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
    }

    /// - Parameter command: as in the text, with other figures.
    /// - Returns: what bash runs.
    private func script(_ command: String, after exports: [String], in folder: String) -> String {
        (["set -o pipefail", "cd '\(folder)'"] + exports + [command]).map { placeholders.applied(to: $0) }
            .joined(separator: "\n")
    }

    private var environment: [String: String] {
        ["PATH": "\(root)/bin:" + (ProcessInfo.processInfo.environment["PATH"] ?? "/bin")]
    }

    /// Runs a command to its end.
    ///
    /// - Parameter exports: commands that set variables.
    func run(_ command: String, after exports: [String] = [], in folder: String) async throws -> Finished {
        // What an earlier command wrote would be in the way.
        for output in command.matches(of: #/ -o (\S+)/#).map({ String($0.output.1) }) {
            let path = output.hasPrefix("/") ? placeholders.applied(to: output) : folder + "/" + output
            try? FileManager.default.removeItem(atPath: path)
        }
        return try await Finished.running(
            "/bin/bash", ["-c", script(command, after: exports, in: folder)], environment: environment)
    }

    /// Starts a command, waits until it works, and stops it.
    func run(
        _ command: String, as service: ShellRules.Service, after exports: [String] = [], in folder: String
    ) async throws -> Finished {
        // Then the signal reaches it, not the shell.
        let program = command.replacing("backplane-relay ", with: "exec backplane-relay ", maxReplacements: 1)
        let child = try await ChildProcess.start(
            "/bin/bash", ["-c", script(program, after: exports, in: folder)], environment: environment, folder: folder)
        do {
            try await eventually("'\(service.sign)' in what it prints", within: .seconds(40)) {
                (child.output + child.errors).contains(service.sign) ? true : nil
            }
            child.signal(service.signal)
            return Finished(exit: try await child.exit(), output: child.output, errors: child.errors)
        } catch {
            await child.terminate()
            throw TestFailure("\(error)\n\(child.output)\(child.errors)")
        }
    }

    /// Runs `body` with a hub node of both backplanes.
    func withHubNode(
        isolation: isolated (any Actor)? = #isolation, _ body: (_ port: Int) async throws -> Void
    ) async throws {
        let arguments = [
            "hub", "--redis", source.url, "--channel", "chatapp", "--core-hub", "Chat.Hubs.ChatHub",
            "--key-file", root + "/names.key", "--listen", "127.0.0.1:0",
        ]
        let node = try await ChildProcess.start(RelayProcess.path(), arguments, folder: root)
        do {
            let port = try await eventually("the node listens") {
                node.errors.firstMatch(of: #/page=http://127\.0\.0\.1:(\d+)/#).flatMap { Int($0.1) }
            }
            try await body(port)
            await node.terminate()
        } catch {
            await node.terminate()
            throw TestFailure("\(error)\n\(node.errors.suffix(2_000))")
        }
    }

    // MARK: - Traffic

    /// Connection id in the text about erasing.
    static let connection = "8Zr2vEFWJYJzJmMYbFRJJA"

    /// One envelope for each kind of recipient that the texts name.
    static func envelopes() -> [[UInt8]] {
        [
            ("h-chatHub", "an error"), ("hg-chatHub.room-7", "hello"), ("hg-chatHub.g1", "order 9999"),
            ("hg-chatHub.ops", "disk low"), ("hu-chatHub.alice", "hello"), ("hc-chatHub.\(connection)", "hello"),
        ].map { key, text in
            let call = #"{"H":"chatHub","M":"broadcastMessage","A":["alice","\#(text)"]}"#
            let message = Message(
                source: "5d79f717-a44d-4b23-ae9c-fb5f3a54d40b", key: key, value: Array(call.utf8))
            let now = Int64(Date().timeIntervalSince1970 * 1e9)
            return ScaleoutMessage(messages: [message], createdTicks: DotNetTicks(unixNanoseconds: now).rawValue)
                .encoded()
        }
    }

    /// Publishes these envelopes like a node.
    static func talk(_ client: RedisClient, on channel: String) async throws {
        let script = try await client.load(script: BackplaneScript.publish)
        for envelope in envelopes() {
            try await client.send(["EVALSHA", .text(script.sha1), "1", .text(channel), .bytes(envelope)])
        }
    }

    /// Runs `body` while somebody chats, on two event keys and in a hub of ASP.NET Core.
    func whileTalking<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        let source = source
        let talking = Task {
            try await source.withClient { client in
                let hub = CoreHub(prefix: "", type: "Chat.Hubs.ChatHub")
                let frame = #"{"type":1,"target":"broadcastMessage","arguments":["alice","hello"]}"# + "\u{1E}"
                let call = CoreInvocation(
                    excluded: [], frames: [.init(protocolName: "json", bytes: Array(frame.utf8))]
                ).encoded()
                while !Task.isCancelled {
                    for channel in ["chat", "chatapp"] { try await Self.talk(client, on: channel) }
                    try await client.send(["PUBLISH", .bytes(hub.channel(.all, [])), .bytes(call)])
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
        }
        do {
            let value = try await body()
            talking.cancel()
            _ = await talking.result
            return value
        } catch {
            talking.cancel()
            _ = await talking.result
            throw error
        }
    }
}
