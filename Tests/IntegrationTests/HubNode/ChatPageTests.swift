import Foundation
import Redis
import TestSupport
import Testing

extension WithHubNodes {
    /// The chat page in use: two browsers at two nodes.
    @Suite("The chat page in Chromium", .serialized, .needs(.redisServer, .chromium, .chromedriver))
    struct ChatPageTests {
        @Test(
            "a message appears at the other node, even after a restart of Redis",
            arguments: ["webSockets", "serverSentEvents", "longPolling"])
        func crosses(transport: String) async throws {
            try await RedisServer.with { redis in
                try await TestHubNode.with(redis: redis, name: "node A") { a in
                    try await TestHubNode.with(redis: redis, name: "node B") { b in
                        try await Browser.with { alice in
                            try await Browser.with(width: 400, height: 700) { bob in
                                try await enter(alice, port: a, name: "Alice", transport: transport)
                                try await enter(bob, port: b, name: "Боб", transport: transport)
                                #expect(
                                    try await alice.text("return document.querySelector('#node').textContent").contains(
                                        "node A"))
                                #expect(
                                    try await bob.text("return document.querySelector('#transport').textContent")
                                        .lowercased().contains(transport.lowercased().prefix(3)))

                                try await talk(from: alice, to: bob, "hello <img src=x onerror=alert(1)> 日本")
                                try await talk(from: bob, to: alice, "hello back")
                                try await alice.screenshot("chat-\(transport)-before-alice")

                                await redis.stop()
                                try await redis.start()
                                // They were ready before as well: until a node has detected the fault, a message is
                                // lost.
                                try await eventually("both nodes listen again") {
                                    let reply = try await redis.command(["PUBSUB", "NUMSUB", "chat"])
                                    return reply.array?.last?.integer == 2 ? true : nil
                                }
                                for port in [a, b] {
                                    try await eventually("the node is ready again") {
                                        try await HTTPAnswer.get(port: port, "/-/ready")?.status == 200 ? true : nil
                                    }
                                }
                                try await talk(from: alice, to: bob, "after the restart")
                                try await talk(from: bob, to: alice, "indeed")
                                try await alice.screenshot("chat-\(transport)-alice")
                                try await bob.screenshot("chat-\(transport)-bob")
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
                        }
                    }
                }
            }
        }

        private func enter(_ browser: Browser, port: Int, name: String, transport: String) async throws {
            try await browser.open("http://127.0.0.1:\(port)/?transport=\(transport)&room=lobby")
            try await browser.type(name, into: "#name")
            try await browser.click("#enter")
            try await eventually("\(name) is connected") {
                try await browser.text("return document.querySelector('#state').dataset.state") == "connected"
                    ? true : nil
            }
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
}
