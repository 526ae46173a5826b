import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import backplane_relay

/// Files that the texts propose are accepted by the programs that read them.
@Suite("Configuration in the texts", .needs(.redisServer, .promtool, .python, .nginx, .curl))
struct DocumentedConfigurationTests {
    private static func block(_ language: String, containing text: String) throws -> FencedBlock {
        try #require(try FencedBlock.all(language).first { $0.text.contains(text) }, "no \(language) with \(text)")
    }

    /// The words of a command after `backplane-relay`, as the parser reads them.
    private static func parse(_ arguments: [String]) throws {
        _ = try BackplaneRelay.parseAsRoot(arguments + ["--redis", "127.0.0.1:6379"])
    }

    // MARK: - Prometheus and Kubernetes

    @Test func `Prometheus accepts its settings, with the lines that are commented out, too`() async throws {
        let blocks = try FencedBlock.all("yaml").filter { !$0.text.contains("containers:") }
        #expect(blocks.count == 2)
        try await TemporaryDirectory.with { folder in
            for block in blocks {
                // A setting, not a sentence.
                let all = block.text.replacing(#/# ([a-z_]+: )/#, with: { "\($0.output.1)" })
                for text in [block.text, all] {
                    try Data(text.utf8).write(to: URL(filePath: folder + "/prometheus.yml"))
                    let check = try await Finished.running(
                        .promtool, ["check", "config", "--syntax-only", folder + "/prometheus.yml"])
                    #expect(check.exit == .code(0), "\(block): \(check.output)\(check.errors)")
                }
            }
        }
    }

    private struct Pod: Decodable {
        struct Container: Decodable {
            struct Variable: Decodable { let name: String }
            struct Port: Decodable {
                let name: String
                let containerPort: Int
            }
            struct Probe: Decodable {
                struct Get: Decodable {
                    let path: String
                    let port: String
                }
                let httpGet: Get
            }
            struct Mount: Decodable { let mountPath: String }

            let args: [String]
            let env: [Variable]
            let ports: [Port]
            let livenessProbe: Probe
            let readinessProbe: Probe
            let volumeMounts: [Mount]
        }
        let containers: [Container]
    }

    @Test func `a relay runs with the arguments of the Kubernetes manifest, and answers its probes`() async throws {
        let block = try Self.block("yaml", containing: "containers:")
        try await TemporaryDirectory.with { folder in
            let file = folder + "/pod.yaml"
            try Data(block.text.utf8).write(to: URL(filePath: file))
            let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))"
            let json = try await Finished.running(.python, ["-c", script, file])
            #expect(json.exit == .code(0), "\(block): \(json.errors)")
            let container = try #require(
                try JSONDecoder().decode(Pod.self, from: Data(json.output.utf8)).containers.first)
            var arguments = container.args
            #expect(arguments.first == "run")
            // The test's own address: RelayProcess adds it.
            let listen = try #require(arguments.firstIndex(of: "--listen"))
            let port = try #require(container.ports.first)
            #expect(arguments[listen + 1] == "0.0.0.0:\(port.containerPort)")
            arguments.removeSubrange(listen...listen + 1)
            let record = try #require(arguments.firstIndex(of: "--record"))
            #expect(arguments[record + 1] == container.volumeMounts.first?.mountPath)
            arguments[record + 1] = folder + arguments[record + 1]
            let variable = try #require(container.env.first).name
            try await RedisServer.with { redis in
                try await RelayProcess.with(Array(arguments.dropFirst()), environment: [variable: redis.url]) { relay in
                    for probe in [container.livenessProbe, container.readinessProbe] {
                        #expect(probe.httpGet.port == port.name)
                        let answer = try await HTTPAnswer.demand(port: relay.port, probe.httpGet.path)
                        #expect(answer.status == 200, "\(probe.httpGet.path)")
                    }
                    #expect(try await relay.stop() == .code(0))
                }
            }
        }
    }

    // MARK: - systemd

    @Test func `systemd accepts the unit, and its command is one of this program`() async throws {
        let block = try Self.block("ini", containing: "ExecStart=")
        var settings: [String: [String]] = [:]
        var section = ""
        for line in block.text.split(separator: "\n") where !line.hasPrefix("#") {
            if line.hasPrefix("[") {
                section = String(line)
                continue
            }
            let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
            try #require(parts.count == 2, "\(block): \(line)")
            settings[section + parts[0], default: []].append(parts[1])
        }
        let command = try #require(settings["[Service]ExecStart"]?.first).split(separator: " ").map(String.init)
        #expect(command.first == "/usr/local/bin/backplane-relay")
        try Self.parse(Array(command.dropFirst()))
        // It tells systemd when it is ready, and that it is alive.
        #expect(settings["[Service]Type"] == ["notify"])
        #expect(settings["[Service]WatchdogSec"]?.first.flatMap { Int($0) } != nil)
        #expect(settings["[Service]SuccessExitStatus"] == ["\(ExitCode.lossOrDamage.rawValue)"])
        #expect(settings["[Service]ExecReload"]?.first?.contains("kill -HUP") == true)
        let directory = try #require(settings["[Service]StateDirectory"]?.first)
        #expect(command.contains("/var/lib/" + directory))
        #expect(settings["[Install]WantedBy"] == ["multi-user.target"])

        // A container has no systemd.
        let analyze = "/usr/bin/systemd-analyze"
        guard FileManager.default.isExecutableFile(atPath: analyze) else { return }
        try await TemporaryDirectory.with { folder in
            let file = folder + "/backplane-relay.service"
            let text = block.text.replacing("/usr/local/bin/backplane-relay", with: "/bin/true")
            try Data(text.utf8).write(to: URL(filePath: file))
            let verify = try await Finished.running(analyze, ["verify", file])
            #expect(!verify.errors.contains("backplane-relay.service"), "\(verify.errors)")
        }
    }

    // MARK: - nginx

    @Test func `nginx passes on requests to the live page and the chat page`() async throws {
        let block = try Self.block("nginx", containing: "proxy_pass")
        try await DocumentedWorld.with { world in
            let redis = ["--redis", world.source.url, "--channel", "chat"]
            try await RelayProcess.with(redis + ["--allow-host", "relay.example"]) { relay in
                let node = try await ChildProcess.start(
                    RelayProcess.path(), ["hub", "--listen", "127.0.0.1:0"] + redis, folder: world.root)
                do {
                    let port = try await eventually("the node listens") {
                        node.errors.firstMatch(of: #/page=http://127\.0\.0\.1:(\d+)/#).map { String($0.1) }
                    }
                    let locations = block.text.replacing(":9464", with: ":\(relay.port)")
                        .replacing(":8080", with: ":" + port)
                    try await NginxServer.with(locations: locations) { proxy in
                        for path in ["/relay/", "/relay/metrics", "/relay/manual/", "/chat/", "/chat/signalr/hubs"] {
                            let got = try await Finished.running(
                                .curl,
                                [
                                    "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: relay.example",
                                    "http://127.0.0.1:\(proxy.port)\(path)",
                                ])
                            #expect(got.output == "200", "\(path): \(got.output)")
                        }
                    }
                    await node.terminate()
                } catch {
                    await node.terminate()
                    throw error
                }
            }
        }
    }
}
