import Foundation
import TestSupport
import Testing

/// The relay's HTTP server as seen by unauthorized clients; curl acts as them.
@Suite("Web access", .needs(.redisServer, .curl, .openssl))
struct WebAccessTests {
    private static let token = "0123456789abcdef0123456789abcdef"

    private static func curl(_ arguments: [String]) async throws -> Finished {
        try await Finished.running(
            .curl, ["--silent", "--max-time", "20", "--write-out", "\n%{http_code}"] + arguments)
    }

    @Test("HTTPS and the token; a renewed certificate and a new token apply without a restart")
    func protected() async throws {
        try await TemporaryDirectory.with { folder in
            let first = try await Certificate.make(in: folder, name: "first")
            let (cert, key, tokenFile) = (folder + "/cert.pem", folder + "/key.pem", folder + "/token")
            try first.copy(certificate: cert, key: key)
            try Data((Self.token + "\n").utf8).write(to: URL(filePath: tokenFile))
            try await RedisServer.with { redis in
                let arguments = [
                    "--redis", redis.url, "--channel", "chat", "--tls-cert", cert, "--tls-key", key, "--web-token-file",
                    tokenFile,
                ]
                try await RelayProcess.with(arguments, waitsUntilReady: false) { relay in
                    let url = "https://localhost:\(relay.port)"
                    let connect = ["--cacert", cert, "--resolve", "localhost:\(relay.port):127.0.0.1"]
                    let bearer = ["--header", "Authorization: Bearer \(Self.token)"]

                    var answer = try await Self.curl(connect + [url + "/metrics"])
                    #expect(answer.output == "\n401")
                    answer = try await Self.curl(connect + bearer + [url + "/metrics"])
                    #expect(answer.output.hasSuffix("\n200") && answer.output.contains("backplane_relay_build_info"))
                    answer = try await Self.curl(connect + [url + "/-/healthy"])
                    #expect(answer.output.hasSuffix("\n200"))
                    answer = try await Self.curl(connect + [url + "/manual/metrics-and-alerts"])
                    #expect(answer.output.hasSuffix("\n200") && answer.output.contains("id=\"backplanegaps\""))
                    answer = try await Self.curl(["http://127.0.0.1:\(relay.port)/-/healthy"])
                    #expect(!answer.output.hasSuffix("200"), "no plain HTTP on this port")

                    let second = try await Certificate.make(in: folder, name: "second")
                    try second.copy(certificate: cert, key: key)
                    try Data("another token of this relay".utf8).write(to: URL(filePath: tokenFile))
                    relay.child.signal(SIGHUP)
                    try await eventually("the new token is valid") {
                        let answer = try await Self.curl(
                            connect + [
                                "--header", "Authorization: Bearer another token of this relay", url + "/-/ready",
                            ])
                        return answer.output.hasSuffix("\n200") ? true : nil
                    }
                    answer = try await Self.curl(connect + bearer + [url + "/metrics"])
                    #expect(answer.output == "\n401", "the old token is no longer valid")
                    #expect(!(relay.child.errors + relay.child.output).contains(Self.token))
                }
            }
        }
    }

    @Test("logging out ends the session and its streams; another site's page cannot do it")
    func logout() async throws {
        try await TemporaryDirectory.with { folder in
            try Data(Self.token.utf8).write(to: URL(filePath: folder + "/token"))
            try await RedisServer.with { redis in
                let arguments = ["--redis", redis.url, "--channel", "chat", "--web-token-file", folder + "/token"]
                try await RelayProcess.with(arguments, waitsUntilReady: false) { relay in
                    let url = "http://127.0.0.1:\(relay.port)"
                    let jar = ["--cookie", folder + "/jar", "--cookie-jar", folder + "/jar"]
                    var answer = try await Self.curl(jar + ["--data", "token=\(Self.token)", url + "/login"])
                    #expect(answer.output == "\n303")
                    let kept = try String(contentsOfFile: folder + "/jar", encoding: .utf8)

                    let stream = try await ChildProcess.start(
                        Tool.curl.requiredPath(),
                        ["--silent", "--no-buffer", "--cookie", folder + "/jar", url + "/live"], folder: folder)
                    do {
                        try await eventually("the stream is open") {
                            stream.output.contains("event: state") ? true : nil
                        }
                        let post = jar + ["--request", "POST"]
                        for stranger in ["Origin: http://127.0.0.1:1", "Sec-Fetch-Site: same-site"] {
                            answer = try await Self.curl(post + ["--header", stranger, url + "/logout"])
                            #expect(answer.output == "\n403")
                        }
                        answer = try await Self.curl(jar + [url + "/-/ready"])
                        #expect(!answer.output.hasSuffix("401"))

                        answer = try await Self.curl(post + ["--header", "Origin: \(url)", url + "/logout"])
                        #expect(answer.output == "\n303")
                        #expect(try await stream.exit(within: .seconds(10)) == .code(0), "the stream ends by itself")
                    } catch {
                        await stream.terminate()
                        throw error
                    }
                    let left = try String(contentsOfFile: folder + "/jar", encoding: .utf8)
                    #expect(!left.contains("backplane-relay-"))
                    try kept.write(toFile: folder + "/jar", atomically: false, encoding: .utf8)
                    answer = try await Self.curl(["--cookie", folder + "/jar", url + "/metrics"])
                    #expect(answer.output == "\n401", "a kept cookie is no longer valid")
                }
            }
        }
    }

    @Test("unusable files are named before anything starts", arguments: ["cert", "key", "pair", "token"])
    func badFiles(what: String) async throws {
        try await TemporaryDirectory.with { folder in
            let good = try await Certificate.make(in: folder, name: "good")
            let other = try await Certificate.make(in: folder, name: "other")
            try Data("no PEM, and short".utf8).write(to: URL(filePath: folder + "/rubbish"))
            try Data("short".utf8).write(to: URL(filePath: folder + "/token"))
            let options: [String]
            switch what {
            case "cert": options = ["--tls-cert", folder + "/rubbish", "--tls-key", good.key]
            case "key": options = ["--tls-cert", good.certificate, "--tls-key", folder + "/rubbish"]
            case "pair": options = ["--tls-cert", good.certificate, "--tls-key", other.key]
            default: options = ["--web-token-file", folder + "/token"]
            }
            let run = try await Finished.relay(
                ["run", "--redis", "127.0.0.1:1", "--channel", "chat", "--listen", "127.0.0.1:0"] + options)
            #expect(run.exit == .code(1))
            #expect(run.errors.contains(folder), "\(run.errors)")
        }
    }

    @Test(
        "a client that sends its request slowly is disconnected; others are served meanwhile", .timeLimit(.minutes(1)))
    func slowClient() async throws {
        try await RedisServer.with { redis in
            try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                let slow = try HalfRequest(port: relay.port)
                defer { slow.close() }
                #expect(try await relay.readiness() == 200)
                try await eventually("the connection is closed", within: .seconds(25)) {
                    slow.isClosed ? true : slow.drip()
                }
            }
        }
    }

    @Test("large headers and unknown methods are answered without using memory")
    func limits() async throws {
        try await RedisServer.with { redis in
            try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                let url = "http://127.0.0.1:\(relay.port)/metrics"
                let large = try await Self.curl(["--header", "X: " + String(repeating: "a", count: 40_000), url])
                #expect(!large.output.hasSuffix("\n200"), "\(large.output.suffix(20))")
                let post = try await Self.curl(["--data", "x", url])
                #expect(post.output.hasSuffix("\n404") || post.output.hasSuffix("\n405"))
                #expect(try await relay.readiness() == 200)
            }
        }
    }
}
