import Foundation
import TestSupport
import Testing

/// `check --hub-url` with servers that are not hub nodes, and unusable certificates for `run`, without mocks.
@Suite("Errors of HTTP and TLS", .needs(.redisServer, .python, .openssl))
struct HubErrorTests {
    private static let libraryWords = [
        "NIO", "descriptor", "errno", "SocketAddressError", "handshakeFailed", "BoringSSL", "SSL routines",
        "HTTPClientError", "<html", "Canary",
    ]

    /// Answers `/NAME/negotiate` like the kind of server of that name.
    private static let answers = """
        import http.server, json, sys
        class Answer(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_): pass
            def do_GET(self):
                name = self.path.split('/')[1]
                status, body = 200, b''
                if name.isdigit():
                    status = int(name)
                    body = b'<html><head><title>%d of nginx</title></head><body>x</body></html>' % status
                elif name == 'core': status = 405
                elif name == 'corebody': body = b'{"negotiateVersion":1,"connectionId":"Canary","availableTransports":[]}'
                elif name == 'azure': body = b'{"url":"https://x/client/?hub=chat","accessToken":"Canary"}'
                elif name == 'other': body = b'{"token":"Canary"}'
                elif name == 'page': body = b'<!DOCTYPE html><html><head><title>Welcome!</title></head></html>'
                self.send_response(status)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            do_POST = do_GET
        http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), Answer).serve_forever()
        """

    private static func check(_ redis: RedisServer, _ url: String, _ sentence: String) async throws {
        let check = try await Finished.relay([
            "check", "--redis", redis.url, "--channel", "chat", "--hub-url", url, "--transport", "longPolling",
        ])
        #expect(check.exit == .code(1), "\(url)")
        #expect(check.errors.contains(sentence), "\(url): \(check.errors)")
        for word in libraryWords { #expect(!check.errors.contains(word), "\(word) in \(check.errors)") }
    }

    @Test("no server, another server, a proxy in between, ASP.NET Core")
    func hubs() async throws {
        try await RedisServer.with { redis in
            let base = "http://127.0.0.1:\(try FreePort.find())"
            try await Self.check(
                redis, base + "/signalr",
                "cannot connect to the hub node at \(base)/signalr: it refused the connection: is it running, and is this its port?"
            )
            try await Self.check(
                redis, "http://nowhere.invalid/signalr", "its host name does not resolve: is it spelled correctly,")
            try await Self.check(
                redis, "http://127.0.0.1:\(redis.port)/signalr", "is it a web server, and does its port speak TLS")
            try await TemporaryDirectory.with { folder in
                let port = try FreePort.find()
                let server = try await ChildProcess.start(
                    Tool.python.requiredPath(), ["-c", Self.answers, "\(port)"], folder: folder)
                do {
                    try await eventually("it answers") {
                        try await HTTPAnswer.get(port: port, "/page") != nil ? true : nil
                    }
                    for (name, sentence) in [
                        (
                            "401",
                            "refused /negotiate with 401: 401 of nginx; it requires a login, and this client has none:"
                        ),
                        ("403", "refused /negotiate with 403: 403 of nginx; access is forbidden:"),
                        ("404", "refused /negotiate with 404: 404 of nginx; there is no hub at this path: is it right"),
                        ("302", "refused /negotiate with 302: 302 of nginx; it redirects clients to another address"),
                        ("500", "refused /negotiate with 500: 500 of nginx; its log says why"),
                        ("502", "refused /negotiate with 502: 502 of nginx; a proxy in front of it cannot reach it:"),
                        ("core", "refused /negotiate with 405; ASP.NET Core SignalR answers like this,"),
                        ("corebody", "(it answers like ASP.NET Core SignalR, but this client speaks SignalR 2)"),
                        ("azure", "(it redirects clients to Azure SignalR Service,"),
                        ("other", "(its JSON has no ConnectionId and ConnectionToken); is the path right?"),
                        ("page", "(it answers with a web page: Welcome!); is the path right?"),
                        ("empty", "(its answer is empty); is the path right?"),
                    ] { try await Self.check(redis, "http://127.0.0.1:\(port)/\(name)", sentence) }
                    try await Self.check(
                        redis, "https://127.0.0.1:\(port)/404", "its port does not speak TLS; write http://")
                } catch {
                    await server.terminate()
                    throw error
                }
                await server.terminate()
            }
        }
    }

    @Test("TLS: untrusted certificate, expired certificate")
    func certificates() async throws {
        try await RedisServer.with { redis in
            try await Certificates.with { certificates in
                try certificates.make("good")
                try certificates.make("old", lifetime: .expired)
                for (name, sentence) in [
                    ("good", "its certificate is not signed by an authority that this machine trusts;"),
                    ("old", "the server's certificate has expired (2020-01-06); renew it there,"),
                ] {
                    let port = try FreePort.find()
                    let server = try await ChildProcess.start(
                        Tool.openssl.requiredPath(),
                        [
                            "s_server", "-accept", "127.0.0.1:\(port)", "-www", "-cert",
                            certificates.path(name + ".crt"),
                            "-key", certificates.path(name + ".key"),
                        ], folder: certificates.folder)
                    do {
                        try await eventually("it accepts") { server.output.contains("ACCEPT") ? true : nil }
                        try await Self.check(redis, "https://127.0.0.1:\(port)/signalr", sentence)
                    } catch {
                        await server.terminate()
                        throw error
                    }
                    await server.terminate()
                }
            }
        }
    }

    @Test("a login in the address of a hub node is not repeated")
    func login() async throws {
        let run = try await Finished.relay([
            "check", "--redis", "127.0.0.1:1", "--channel", "chat", "--hub-url", "http://user:Canary@127.0.0.1/signalr",
        ])
        #expect(run.exit == .code(64) && run.errors.contains("must not contain a login"), "\(run.errors)")
        #expect(!run.errors.contains("Canary"))
    }

    @Test("certificates of the HTTP surface: missing, swapped, for another key, with a passphrase, expired")
    func surface() async throws {
        try await RedisServer.with { redis in
            try await Certificates.with { certificates in
                for name in ["good", "other"] { try certificates.make(name) }
                try certificates.make("old", lifetime: .expired)
                let locked = try await Finished.running(
                    .openssl,
                    [
                        "pkey", "-in", certificates.path("good.key"), "-aes128", "-passout", "pass:secret", "-out",
                        certificates.path("locked.key"),
                    ])
                #expect(locked.exit == .code(0), "\(locked.errors)")
                let base = ["--redis", redis.url, "--channel", "chat", "--listen", "127.0.0.1:0"]
                func files(_ certificate: String, _ key: String) -> [String] {
                    base + ["--tls-cert", certificates.path(certificate), "--tls-key", certificates.path(key)]
                }
                for (certificate, key, sentence) in [
                    ("none.crt", "good.key", "none.crt' cannot be used for TLS: there is no such file"),
                    ("good.crt", "none.key", "none.key' cannot be used for TLS: there is no such file"),
                    (
                        "good.key", "good.crt",
                        "good.key' cannot be used for TLS: it contains a key but no certificate; are the two files"
                    ),
                    (
                        "good.crt", "good.crt",
                        "good.crt' cannot be used for TLS: it contains a certificate but no key; are the two files"
                    ),
                    ("good.crt", "other.key", "other.key'; name a matching pair"),
                    ("good.crt", "locked.key", "locked.key' cannot be used for TLS: the key has a passphrase,"),
                    ("ca.cnf", "good.key", "ca.cnf' cannot be used for TLS: it contains no certificate in PEM form"),
                    ("", "good.key", "it is a directory; name a file"),
                ] {
                    let run = try await Finished.relay(["run"] + files(certificate, key))
                    #expect(run.exit == .code(1) && run.errors.contains(sentence), "\(run.errors)")
                    #expect(run.errors.contains("Error: --tls-cert, --tls-key: '"), "\(run.errors)")
                    for word in Self.libraryWords { #expect(!run.errors.contains(word), "\(run.errors)") }
                    let check = try await Finished.relay(["run", "--check-only"] + files(certificate, key))
                    #expect(check.exit == .code(1) && check.output.contains(sentence), "\(check.output)")
                }
                let old = try await Finished.relay(["run", "--check-only"] + files("old.crt", "old.key"))
                let warning =
                    "warning       --tls-cert: the certificate '\(certificates.path("old.crt"))' has expired (2020-01-06): clients refuse"
                #expect(old.exit == .code(0) && old.output.contains(warning), "\(old.output)")
                let token = try await Finished.relay(["run"] + base + ["--web-token-file", "/nonexistent/token"])
                #expect(token.exit == .code(1))
                #expect(token.errors.contains("cannot be read: there is no such file;"), "\(token.errors)")
                #expect(token.errors.contains("Error: --web-token-file: '/nonexistent/token' "))
            }
        }
    }
}
