import Foundation
import HubNode
import JSON
import Logging
import Redis
import ServiceLifecycle
import SignalRClient
import TestSupport
import Testing

/// The Swift and JavaScript of the texts, as a developer outside this package would use it.
@Suite("Code in the texts", .needs(.redisServer, .node))
struct DocumentedCodeTests {
    private static let tutorial = "Sources/HubNode/Documentation.docc/ANodeInTenMinutes.md"

    @Test func `the compiler accepts every Swift block, with the public interface only`() async throws {
        let blocks = try FencedBlock.all("swift")
        #expect(blocks.count > 5)
        try await TemporaryDirectory.with { folder in
            let file = folder + "/main.swift"
            for block in blocks where !block.text.contains("import PackageDescription") {
                try Data((Self.prelude(block.text) + block.text).utf8).write(to: URL(filePath: file))
                // Another package's name: what is `package` in this one cannot be seen.
                let compiler = try await Finished.running(
                    "/usr/bin/env",
                    ["swiftc", "-typecheck", "-swift-version", "6", "-package-name", "orders", file]
                        + Self.searchPaths() + ["-module-cache-path", folder + "/cache"], within: .seconds(120))
                #expect(compiler.exit == .code(0), "\(block): \(compiler.errors)")
            }
        }
    }

    /// What a part of a program refers to.
    private static func prelude(_ text: String) -> String {
        var lines: [String] = []
        if !text.contains("import HubNode") { lines += ["import Foundation", "import HubNode", "import Redis"] }
        if text.contains("configuration: configuration") {
            lines += [
                "import Logging", "import Redis", "let logger = Logger(label: \"a\")",
                "let configuration = HubNodeConfiguration(redis: try RedisConfiguration(connectionString: \"a\"), channel: \"b\", name: \"c\")",
            ]
        }
        return lines.map { $0 + "\n" }.joined()
    }

    /// The compiler's options that name modules and headers, as SwiftPM built the library with them.
    private static func searchPaths() throws -> [String] {
        var folder = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath().deletingLastPathComponent()
        var plan: String?
        while plan == nil, folder.path != "/" {
            plan = try? String(contentsOf: folder.appending(path: "debug.yaml"), encoding: .utf8)
            folder.deleteLastPathComponent()
        }
        let line = try #require(plan).split(separator: "\n").first { $0.contains(#""-module-name","HubNode""#) }
        let list = try #require(line?.drop { $0 != "[" })
        let arguments = try JSONDecoder().decode([String].self, from: Data(list.utf8))
        var paths: [String] = []
        for (index, argument) in arguments.enumerated() {
            let next = arguments.dropFirst(index + 1).first ?? ""
            if argument == "-I"
                || (argument == "-Xcc" && (next == "-I" || next.hasPrefix("-fmodule-map") || next.hasPrefix("/")))
            {
                paths += [argument, next]
            } else if argument.hasPrefix("-I") {
                paths.append(argument)
            }
        }
        return paths
    }

    @Test func `SwiftPM reads the tutorial's package`() async throws {
        let block = try #require(try FencedBlock.all("swift").first { $0.text.contains("import PackageDescription") })
        try await TemporaryDirectory.with { folder in
            try Data(block.text.utf8).write(to: URL(filePath: folder + "/Package.swift"))
            let package = try await Finished.running(
                "/usr/bin/env",
                ["swift", "package", "dump-package", "--package-path", folder, "--cache-path", folder + "/cache"],
                within: .seconds(120))
            #expect(package.exit == .code(0), "\(block): \(package.errors)")
        }
        // What it depends on is a product of this package.
        let manifest = try Documents.text("Package.swift")
        #expect(manifest.contains(#".library(name: "HubNode""#) && block.text.contains(#".product(name: "HubNode""#))
    }

    @Test func `the tutorial's hub is compiled here`() throws {
        let block = try #require(
            try FencedBlock.all("swift").first { $0.file == Self.tutorial && $0.text.contains("let orders") })
        let origin = try Documents.text("Tests/DocumentationTests/Documented/TutorialHub.swift")
        let start = try #require(block.text.range(of: "let orders")).lowerBound
        let end = try #require(block.text.range(of: "\n}\n")).upperBound
        #expect(origin.contains(block.text[start..<end]), "copy the hub from \(block) into TutorialHub.swift")
    }

    /// Records what a page does with the client of SignalR 2 or of ASP.NET Core SignalR, and answers like them.
    private static let page = """
        const calls = [];
        const client = {
            on: (method, handler) => { calls.push({ on: method, arguments: handler.length }); },
            invoke: (method, ...args) => { calls.push({ invoke: method, args }); return Promise.resolve("thank you"); },
            start: () => Promise.resolve(),
            createHubProxy: (hub) => { calls.push({ hub }); return client; },
            withUrl: (url) => { calls.push({ url }); return client; },
            withAutomaticReconnect: () => client,
            build: () => client,
        };
        globalThis.$ = { hubConnection: client.withUrl };
        globalThis.signalR = { HubConnectionBuilder: function () { return client; } };
        setTimeout(() => { process.stdout.write(JSON.stringify(calls)); }, 0);
        console.log = () => {};

        """

    @Test(arguments: ["$.hubConnection", "signalR.HubConnectionBuilder"])
    func `a client gets from the tutorial's hub what the tutorial's page expects`(client: String) async throws {
        let block = try #require(try FencedBlock.all("js").first { $0.text.contains(client) })
        let calls = try await TemporaryDirectory.with { folder in
            try Data((Self.page + block.text).utf8).write(to: URL(filePath: folder + "/page.mjs"))
            let page = try await Finished.running(.node, [folder + "/page.mjs"])
            #expect(page.exit == .code(0), "\(block): \(page.errors)")
            return try #require(try JSONTree(parsing: page.output).array)
        }
        // The node's default address.
        let urls = calls.compactMap { $0["url"]?.string?.split(separator: ":8080", maxSplits: 1) }
        let url = try #require(urls.first)
        #expect(url.first == "http://127.0.0.1")
        let path = try #require(url.last)
        let hub = calls.compactMap { $0["hub"]?.string }.first
        let listens = try #require(calls.first { $0["on"] != nil })
        let invokes = try #require(calls.first { $0["invoke"] != nil })
        let method = try #require(invokes["invoke"]?.string)
        let arguments = try #require(invokes["args"]?.array)

        try await RedisServer.with { redis in
            try await node(at: redis) { port in
                let network = SignalRNetwork()
                let (received, placed) = AsyncStream.makeStream(of: ClientInvocation.self)
                let clients = try (0..<2).map { _ in
                    try Self.client(of: NodeURL("http://127.0.0.1:\(port)\(path)"), hub: hub, network) {
                        if case .invocation(let call) = $0 { placed.yield(call) }
                    }
                }
                for client in clients { try await client.start() }
                try await clients[1].call("watch", [arguments[0]])
                #expect(try await clients[0].call(method, arguments) == "thank you")
                let call = await received.first { _ in true }
                #expect(call?.method == listens["on"]?.string)
                #expect(call.map { Int64($0.arguments.count) } == listens["arguments"]?.integer)
                #expect(call?.arguments == arguments)
                await #expect(throws: CallError.self, "an order of nothing") {
                    try await clients[0].call(method, [arguments[0], 0])
                }
                for client in clients { await client.stop() }
                await network.shutdown()
            }
        }
    }

    /// - Parameter hub: nil for ASP.NET Core SignalR, where the address names it.
    private static func client(
        of address: NodeURL, hub: String?, _ network: SignalRNetwork,
        onEvent: @escaping @Sendable (SignalRClientEvent) -> Void
    ) -> any HubConnection {
        guard let hub else {
            return CoreSignalRClient(
                configuration: CoreClientConfiguration(node: address), network: network, onEvent: onEvent)
        }
        return SignalRClient(
            configuration: SignalRClientConfiguration(node: address, hubs: [hub]), network: network, onEvent: onEvent)
    }

    private func node(at redis: RedisServer, _ body: (_ port: Int) async throws -> Void) async throws {
        var configuration = HubNodeConfiguration(
            redis: redis.configuration, channel: "chatapp", name: "orders-1", listenPort: 0)
        configuration.timing.drain = .zero
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let node = HubNode(
            configuration: configuration, hubs: [orders, .chat], logger: logger,
            onListening: { listening.yield($0) })
        let services = ServiceGroup(services: [node], logger: logger)
        let running = Task {
            defer { listening.finish() }
            try await services.run()
        }
        do {
            let port = try #require(await ports.first { _ in true })
            try await eventually("the node is ready") {
                try await HTTPAnswer.get(port: port, "/-/ready")?.status == 200 ? true : nil
            }
            try await body(port)
            await services.triggerGracefulShutdown()
            try await running.value
        } catch {
            running.cancel()
            _ = await running.result
            throw error
        }
    }
}
