import Foundation
import HubNode
import TestSupport
import Testing

/// The chat page's client of ASP.NET Core SignalR (core.js), driven in Chromium by a script in the page.
@Suite("The chat page's client of ASP.NET Core", .serialized, .needs(.redisServer, .chromium, .chromedriver))
struct CoreConnectionTests {
    private static let beginning = """
        const { CoreConnection } = await import('./core.js');
        const began = performance.now();
        const seen = [];
        const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));
        function connect(options = {}) {
          const connection = new CoreConnection({ path: 'chathub', ...options });
          connection.addEventListener('statechange', ({ detail }) => {
            seen.push([detail.state, detail.transport, detail.reason].filter(Boolean).join(': '));
          });
          connection.start();
          return connection;
        }
        async function until(state, connection) {
          while (connection.state !== state) await sleep(10);
        }

        """

    @Test(
        "calls, is called, and answers the node's calls",
        arguments: ["webSockets", "serverSentEvents", "longPolling"])
    func calls(transport: String) async throws {
        let answer = try await inPage(
            """
            const connection = connect({ transports: ['\(transport)'], query: { user: 'ü & ★' } });
            const heard = new Promise((resolve) => connection.on('', 'USERMESSAGE', (...all) => resolve(all)));
            connection.on('', 'answer', async (question) => `re: ${question}`);
            await until('connected', connection);
            const id = await connection.invoke('', 'whoAmI');
            await connection.invoke('', 'sendToUser', 'ü & ★', { a: [1, null, '<日本>'] });
            const all = [
              await heard, await connection.invoke('', 'ask', id, 'q'),
              await connection.invoke('', 'fail', 'as asked').catch((error) => error.message),
              await connection.invoke('', 'nope').catch((error) => error.message),
              await Promise.all([1, 2, 3, 4, 5].map((value) => connection.invoke('', 'echo', value))),
            ];
            const silent = connect({ transports: ['\(transport)'] });
            await until('connected', silent);
            const other = await silent.invoke('', 'whoAmI');
            all.push(await connection.invoke('', 'ask', other, 'q').catch((error) => error.message));
            const pending = connection.invoke('', 'ask', id, 'q').catch((error) => error.message);
            connection.stop();
            return JSON.stringify([...all, await pending, connection.state]);
            """)
        #expect(
            answer == """
                [["ü & ★",{"a":[1,null,"<日本>"]}],"re: q",\
                "An unexpected error occurred invoking 'fail' on the server. HubException: as asked",\
                "Failed to invoke 'nope' due to an error on the server. HubException: Method does not exist.",\
                [1,2,3,4,5],\
                "An unexpected error occurred invoking 'ask' on the server. HubException: Client didn't provide a result.",\
                "No answer came, so it may have arrived all the same. The connection was stopped.","disconnected"]
                """)
    }

    @Test("follows redirects with their token, accepts messages in any parts, and reports why a handshake failed")
    func negotiates() async throws {
        let answer = try await inPage(
            """
            const fetchReally = window.fetch;
            const asked = [];
            window.fetch = (url, options) => {
              const { pathname, search } = new URL(url);
              asked.push([options.method, pathname + search, options.headers.Authorization ?? '']);
              if (asked.length > 1) return fetchReally(url, options);
              const answer = { url: `${location.origin}/chathub?tenant=1`, accessToken: 'a b' };
              return Promise.resolve(new Response(JSON.stringify(answer)));
            };
            let address;
            let answers = ['{', '}\\u001e{"type":1,"target":"say","argu', 'ments":[1]}\\u001e{"type":6}\\u001e'];
            window.WebSocket = class {
              constructor(url) { address = new URL(url); setTimeout(() => this.onopen()); }
              send() { for (const data of answers.splice(0)) this.onmessage({ data }); }
              close() { this.onclose(); }
            };
            const said = [];
            const connection = connect({ transports: ['webSockets'], query: { user: 'ü' } });
            connection.on('', 'say', (value) => said.push(value));
            await until('connected', connection);
            connection.stop();
            const token = address.searchParams.get('access_token');
            answers = ['{"error":"No."}\\u001e'];
            connect({ transports: ['webSockets'] });
            while (!seen.at(-1).endsWith('No.')) await sleep(10);
            return JSON.stringify([...asked.slice(0, 2), token, said, seen.at(-1)]);
            """)
        #expect(
            answer == """
                [["POST","/chathub/negotiate?user=%C3%BC&negotiateVersion=1",""],\
                ["POST","/chathub/negotiate?tenant=1&user=%C3%BC&negotiateVersion=1","Bearer a b"],\
                "a b",[1],"disconnected: No."]
                """)
    }

    @Test("falls back from transport to transport")
    func fallsBack() async throws {
        let answer = try await inPage(
            """
            window.EventSource = class { constructor() { setTimeout(() => this.onerror()); } close() {} };
            const first = connect({ transports: ['serverSentEvents', 'longPolling'] });
            await until('connected', first);
            window.WebSocket = window.EventSource;
            window.WebSocket = class { constructor() { setTimeout(() => this.onclose()); } close() {} };
            const second = connect();
            await until('connected', second);
            const none = connect({ transports: ['webSockets'] });
            while (seen.length < 6) await sleep(10);
            return seen.join('\\n');
            """)
        #expect(
            answer == """
                connecting
                connected: longPolling
                connecting
                connected: longPolling
                connecting
                disconnected: The WebSocket was closed.
                """)
    }

    @Test("reconnects after 0, 2, 10 and 30 s, then gives up; pending calls are rejected")
    func reconnects() async throws {
        try await RedisServer.with { redis in
            try await Browser.with { browser in
                let port = try await TestHubNode.with(redis: redis) { port in
                    try await browser.open("http://127.0.0.1:\(port)/")
                    _ = try await browser.text(
                        Self.wrapped(
                            """
                            window.delays = [];
                            const real = window.setTimeout;
                            const connection = connect({ transports: ['webSockets'] });
                            await until('connected', connection);
                            connection.on('', 'answer', () => new Promise(() => {}));
                            window.pending = connection.invoke('', 'ask', await connection.invoke('', 'whoAmI'), 'q')
                              .catch((error) => error.message);
                            // The pauses begin when the node no longer listens, and are a hundred times shorter.
                            const gone = new Promise((resolve) => { window.nodeIsGone = resolve; });
                            window.setTimeout = (call, time) => {
                              if (![0, 2_000, 10_000, 30_000].includes(time)) return real(call, time);
                              window.delays.push(time);
                              gone.then(() => real(call, time / 100));
                            };
                            window.seen = seen;
                            return '';
                            """))
                    return port
                }
                _ = try await browser.text("window.nodeIsGone(); return '';")
                try await eventually("it gives up") {
                    try await browser.text("return window.seen.at(-1)").hasPrefix("disconnected") ? true : nil
                }
                #expect(
                    try await browser.text("return window.delays.join()") == "0,2000,10000,30000", "\(port)")
                let seen = try await browser.text("return window.seen.join('\\n')")
                #expect(
                    seen == """
                        connecting
                        connected: webSockets
                        reconnecting: webSockets: The node closed the connection.
                        disconnected: The node cannot be reached.
                        """)
                #expect(
                    try await browser.text("return window.pending")
                        == "No answer came, so it may have arrived all the same. The node closed the connection.")
            }
        }
    }

    @Test("sends pings while idle, and detects a silent node")
    func keepsAlive() async throws {
        let answer = try await inPage(
            """
            const pinging = connect({ times: { ping: 300 } });
            await until('connected', pinging);
            await pinging.invoke('', 'echo', 1);
            await sleep(4_000);
            const kept = [pinging.state, ...seen.splice(0)];
            pinging.stop();
            seen.length = 0;
            const impatient = connect({ times: { silence: 500, ping: 3_000 } });
            while (seen.length < 4) await sleep(10);
            impatient.stop();
            return [...kept, ...seen.slice(0, 4)].join('\\n');
            """,
            configure: {
                $0.core?.timing.clientTimeout = .milliseconds(1_500)
                $0.core?.timing.keepAlive = .seconds(60)
            })
        #expect(
            answer == """
                connected
                connecting
                connected: webSockets
                connecting
                connected: webSockets
                reconnecting: webSockets: The node has fallen silent.
                connected: webSockets
                """)
    }

    // MARK: - Steps

    private static func wrapped(_ script: String) -> String {
        "return (async () => { \(beginning)\(script) })()"
    }

    /// The result of a script in the page of a new node.
    private func inPage(
        _ script: String, configure: (inout HubNodeConfiguration) -> Void = { _ in }
    ) async throws -> String {
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis, configure: configure) { port in
                try await Browser.with { browser in
                    try await browser.open("http://127.0.0.1:\(port)/")
                    return try await browser.text(Self.wrapped(script))
                }
            }
        }
    }
}
