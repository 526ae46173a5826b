import Backplane
import Foundation
import HubNode
import Redis
import TestSupport
import Testing

/// The chat page in use: two browsers at two nodes.
@Suite("The chat page in Chromium", .serialized, .needs(.redisServer, .chromium, .chromedriver))
struct ChatPageTests {
    @Test(
        "a message appears at the other node, even after a restart of Redis",
        arguments: ["signalr2", "core"], ["webSockets", "serverSentEvents", "longPolling"])
    func crosses(wire: String, transport: String) async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis, name: "node A", configure: Self.joinBoth) { a in
                try await TestHubNode.with(redis: redis, name: "node B", configure: Self.joinBoth) { b in
                    try await Browser.with { alice in
                        try await Browser.with(width: 400, height: 700) { bob in
                            try await enter(alice, port: a, name: "Alice", wire: wire, transport: transport)
                            try await enter(bob, port: b, name: "Боб", wire: wire, transport: transport)
                            let names = ["signalr2": "SignalR 2", "core": "ASP.NET Core"]
                            #expect(
                                try await alice.text("return document.querySelector('#protocol').textContent")
                                    == names[wire])
                            #expect(
                                try await alice.text("return document.querySelector('#node').textContent").contains(
                                    "node A"))
                            #expect(
                                try await bob.text("return document.querySelector('#transport').textContent")
                                    .lowercased().contains(transport.lowercased().prefix(3)))

                            try await talk(from: alice, to: bob, "hello <img src=x onerror=alert(1)> 日本")
                            try await talk(from: bob, to: alice, "hello back")
                            try await alice.screenshot("chat-\(wire)-\(transport)-before-alice")

                            await redis.stop()
                            try await redis.start()
                            // They were ready before as well: until a node has detected the fault, a message is
                            // lost.
                            try await eventually("both nodes listen again") {
                                let reply = try await redis.command(
                                    ["PUBSUB", "NUMSUB", "chat", "\(Self.hub):all"])
                                return reply.array?.compactMap(\.integer) == [2, 2] ? true : nil
                            }
                            for port in [a, b] {
                                try await eventually("the node is ready again") {
                                    try await HTTPAnswer.get(port: port, "/-/ready")?.status == 200 ? true : nil
                                }
                            }
                            try await talk(from: alice, to: bob, "after the restart")
                            try await talk(from: bob, to: alice, "indeed")
                            try await alice.screenshot("chat-\(wire)-\(transport)-alice")
                            try await bob.screenshot("chat-\(wire)-\(transport)-bob")
                        }
                    }
                }
            }
        }
    }

    @Test("with Redis down the page reports it; another user of the same name is distinguished")
    func honest() async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis, name: "node A") { port in
                try await Browser.with { alice in
                    try await Browser.with { other in
                        for browser in [alice, other] {
                            try await enter(browser, port: port, name: "Alice", transport: "webSockets")
                        }
                        try await talk(from: alice, to: other, "it is me")
                        let own = "return `${document.querySelectorAll('#messages li.own').length}`"
                        #expect(try await alice.text(own) == "1")
                        #expect(try await other.text(own) == "0")
                        #expect(
                            try await other.text("return document.querySelector('#messages').textContent")
                                .contains("someone else with this name"))
                        await redis.stop()
                        try await eventually("it reports that Redis is unavailable") {
                            let state = "const state = document.querySelector('#state'); "
                            return try await alice.text(state + "return state.dataset.state + state.textContent")
                                .contains(#/^cut.*lost Redis/#) ? true : nil
                        }
                        try await alice.screenshot("chat-redis-away")
                        try await redis.start()
                        try await eventually("it is connected again") {
                            try await alice.text("return document.querySelector('#state').dataset.state")
                                == "connected" ? true : nil
                        }
                        let messages = "return document.querySelector('#messages').textContent"
                        #expect(try await alice.text(messages).contains("The node has Redis again."))
                        try await alice.screenshot("chat-redis-back")
                    }
                }
            }
        }
    }

    @Test(
        "if its node is killed, the page says so, connects by itself to the next one, and joins its room again",
        arguments: ["signalr2", "core"])
    func reconnects(wire: String) async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let key = folder + "/key"
                try Data(repeating: 7, count: 32).write(to: URL(fileURLWithPath: key))
                let options = [
                    "--redis", redis.url, "--channel", "chat", "--core-hub", Self.hub, "--name", "node A",
                    "--key-file", key,
                ]
                try await TestHubNode.with(redis: redis, name: "node B", configure: Self.joinBoth) { other in
                    try await Browser.with { alice in
                        try await Browser.with(width: 400, height: 700) { bob in
                            try await enter(bob, port: other, name: "Bob", wire: wire, transport: "webSockets")
                            var port = 0
                            try await HubProcess.with(options, folder) { first, node in
                                port = first
                                try await enter(
                                    alice, port: port, name: "Alice", wire: wire, transport: "webSockets")
                                try await talk(from: bob, to: alice, "before")
                                node.signal(SIGKILL)
                                try await waitFor("reconnecting", alice)
                                try await alice.screenshot("chat-\(wire)-node-killed")
                            }
                            try await HubProcess.with(options, port: port, folder) { _, _ in
                                try await waitFor("connected", alice)
                                // SignalR 2 resumes the connection with its groups; ASP.NET Core makes a new one.
                                try await eventually("the page is in its room again") {
                                    let messages = try await alice.text(
                                        "return document.querySelector('#messages').textContent")
                                    let joined = messages.matches(of: #/You are in room lobby/#).count
                                    let isNew = messages.contains("Reconnected. Messages sent in between")
                                    return joined == (wire == "core" ? 2 : 1) && isNew == (wire == "core")
                                        ? true : nil
                                }
                                try await talk(from: bob, to: alice, "after")
                                _ = try await bob.text(
                                    "document.querySelector('#target').value = 'room'; return 'done'")
                                try await talk(from: bob, to: alice, "to the room")
                                try await alice.screenshot("chat-\(wire)-node-back")
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("the switch: from one protocol to the other and back; users of the other protocol are reached too")
    func switches() async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis, name: "node A", configure: Self.joinBoth) { a in
                try await TestHubNode.with(redis: redis, name: "node B", configure: Self.joinBoth) { b in
                    try await Browser.with { alice in
                        try await Browser.with { bob in
                            try await alice.open("http://127.0.0.1:\(a)/?room=lobby")
                            try await alice.screenshot("chat-switch-welcome")
                            #expect(try await offered(alice) == "signalr2 core")
                            try await alice.type("Alice", into: "#name")
                            try await alice.click("[name=protocol][value=core]")
                            try await alice.click("#enter")
                            try await waitFor("connected", alice)
                            #expect(
                                try await alice.text("return document.querySelector('footer').innerText")
                                    .contains(#/ASP.NET Core[\s\S]*webSockets[\s\S]*Chat.Hubs.ChatHub/#))
                            try await enter(bob, port: b, name: "Bob", wire: "signalr2", transport: "webSockets")
                            try await talk(from: alice, to: bob, "from Core to SignalR 2")
                            try await talk(from: bob, to: alice, "and back")
                            try await alice.click("#change")
                            try await alice.screenshot("chat-switch-dialog")
                            try await alice.click("[name=protocol][value=signalr2]")
                            try await alice.click("#enter")
                            try await eventually("the other protocol is connected") {
                                try await alice.text("return document.querySelector('footer').innerText")
                                    .contains(#/Connected[\s\S]*SignalR 2[\s\S]*event key/#) ? true : nil
                            }
                            try await talk(from: bob, to: alice, "now the same")
                            // The choice is remembered.
                            try await alice.open("http://127.0.0.1:\(a)/?room=lobby")
                            #expect(
                                try await alice.text(
                                    "return document.querySelector('[name=protocol]:checked').value") == "signalr2")
                        }
                    }
                }
            }
        }
    }

    @Test("only what the node serves is offered", arguments: ["signalr2", "core"])
    func offersWhatIsServed(wire: String) async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis, channel: wire == "core" ? "" : "chat", name: "node A",
                configure: { if wire == "core" { Self.joinBoth(&$0) } else { $0.core = nil } },
                { port in
                    try await Browser.with { alice in
                        // A protocol that is not served is not accepted from the address either.
                        let other = wire == "core" ? "signalr2" : "core"
                        try await enter(alice, port: port, name: "Alice", wire: other, transport: "webSockets")
                        #expect(try await offered(alice) == "")
                        #expect(
                            try await alice.text("return document.querySelector('#protocol').textContent")
                                == (wire == "core" ? "ASP.NET Core" : "SignalR 2"))
                        try await talk(from: alice, to: alice, "to myself")
                        try await alice.screenshot("chat-only-\(wire)")
                    }
                })
        }
    }

    @Test("a permanent close by the node is reported, and the page reconnects on request")
    func connectsAgain() async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis, name: "node A", configure: Self.joinBoth) { port in
                try await Browser.with { alice in
                    try await enter(alice, port: port, name: "Alice", wire: "core", transport: "webSockets")
                    try await talk(from: alice, to: alice, "hello")
                    // Nodes pass frames on unchanged.
                    let close = CorePayload.invocation(
                        CoreInvocation(
                            excluded: [],
                            frames: [
                                CoreInvocation.Frame(
                                    protocolName: "json",
                                    bytes: Array(#"{"type":7,"error":"Closed for the test."}"#.utf8) + [0x1E])
                            ]))
                    try await redis.withClient { client in
                        _ = try await client.send(
                            ["PUBLISH", .bytes(Array("\(Self.hub):all".utf8)), .bytes(close.encoded())])
                    }
                    try await waitFor("ended", alice)
                    #expect(
                        try await alice.text("return document.querySelector('#state').textContent")
                            == "Disconnected. Closed for the test.")
                    try await alice.screenshot("chat-core-ended")
                    try await alice.click("#again")
                    try await waitFor("connected", alice)
                    try await talk(from: alice, to: alice, "again")
                    #expect(
                        try await alice.text("return document.querySelector('#messages').textContent")
                            .contains("Reconnected. Messages sent in between are not shown here."))
                }
            }
        }
    }

    // MARK: - Steps

    private static let hub = "Chat.Hubs.ChatHub"

    private static func joinBoth(_ configuration: inout HubNodeConfiguration) {
        configuration.core = CoreHubSettings(backplane: CoreBackplaneSettings(hubType: hub))
    }

    private func enter(
        _ browser: Browser, port: Int, name: String, wire: String = "signalr2", transport: String
    ) async throws {
        try await browser.open(
            "http://127.0.0.1:\(port)/?protocol=\(wire)&transport=\(transport)&room=lobby")
        try await browser.type(name, into: "#name")
        try await browser.click("#enter")
        try await waitFor("connected", browser)
    }

    private func waitFor(_ state: String, _ browser: Browser) async throws {
        try await eventually("the page is \(state)") {
            try await browser.text("return document.querySelector('#state').dataset.state") == state ? true : nil
        }
    }

    /// The protocols that the page offers.
    private func offered(_ browser: Browser) async throws -> String {
        try await browser.text(
            """
            if (document.querySelector('#protocols').hidden) return '';
            return [...document.querySelectorAll('[name=protocol]')].map(radio => radio.value).join(' ')
            """)
    }

    private func talk(from sender: Browser, to receiver: Browser, _ text: String) async throws {
        try await sender.type(text + "\n", into: "#message")
        for browser in [sender, receiver] {
            try await eventually("'\(text)' appears") {
                let messages = try await browser.text(
                    "return [...document.querySelectorAll('#messages .text')].map(m => m.textContent).join('\\n')")
                return messages.contains(text) ? true : nil
            }
        }
    }
}
