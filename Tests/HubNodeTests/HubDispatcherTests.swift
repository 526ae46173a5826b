import Backplane
import Prometheus
import Testing

@testable import HubNode

@Suite("Hub dispatcher")
struct HubDispatcherTests {
    private struct Failure: Error, CustomStringConvertible {
        let description = "a secret of the server"
    }

    private static let hub = Hub("chatHub") { hub in
        hub.on("Echo") { (_: HubCall, value: JSONValue) in value }
        hub.on("nothing") { (_: HubCall) in }
        hub.on("whoAmI") { (call: HubCall) in "\(call.connectionID) \(call.user)" }
        hub.on("fail") { (_: HubCall) in throw Failure() }
        hub.on("refuse") { (_: HubCall) in
            throw HubError("not now", data: try JSONValue(json: Array(#"{ "retry" : 5 }"#.utf8)))
        }
        hub.on("count") { (_: HubCall, _: Int) in }
        hub.on("tell") { (call: HubCall) in try await call.clients.all.invoke("told") }
    }

    private func answer(_ json: String, detailedErrors: Bool = false, metrics: HubMetrics = HubMetrics(version: "test"))
        async throws -> String?
    {
        let dispatcher = HubDispatcher(
            hubs: [Self.hub], detailedErrors: detailedErrors, metrics: metrics, logger: .silent)
        let request = try #require(HubRequest(decoding: Array(json.utf8)))
        return text(await dispatcher.answer(to: request, connectionID: "c1", user: "alice", publisher: .unconnected()))
    }

    private static let answers: [(request: String, answer: String)] = [
        (#"{"H":"chathub","M":"echo","A":["\u00e9"],"I":1}"#, #"{"R":"é","I":"1"}"#),
        (#"{"H":"CHATHUB","M":"ECHO","A":[{"a":[ 1 ]}],"I":"7"}"#, #"{"R":{"a":[1]},"I":"7"}"#),
        (#"{"H":"chatHub","M":"Echo","A":[null],"I":0}"#, #"{"I":"0"}"#),
        (#"{"h":"chatHub","m":"Echo","a":[1e3]}"#, #"{"R":1000.0,"I":null}"#),
        (#"{"H":"chatHub","M":"nothing","A":[],"I":0}"#, #"{"I":"0"}"#),
        (#"{"H":"chatHub","M":"nothing","I":0}"#, #"{"I":"0"}"#),
        (#"{"H":"chatHub","M":"whoAmI","A":[],"I":0}"#, #"{"R":"c1 alice","I":"0"}"#),
        (
            #"{"H":"chatHub","M":"refuse","A":[],"I":0}"#,
            #"{"I":"0","H":true,"E":"not now","D":{"retry":5}}"#
        ),
    ]

    @Test("a call is answered", arguments: answers)
    func answered(request: String, answer expected: String) async throws {
        #expect(try await answer(request) == expected)
        #expect(try await answer(request, detailedErrors: true) == expected)
    }

    private static let errors: [(request: String, generic: String, detailed: String)] = [
        (
            #"{"H":"chatHub","M":"fail","A":[],"I":2}"#,
            #"{"I":"2","E":"There was an error invoking Hub method 'chatHub.fail'."}"#,
            #"{"I":"2","E":"a secret of the server"}"#
        ),
        (
            #"{"H":"chatHub","M":"other","A":[],"I":2}"#,
            #"{"I":"2","E":"There was an error invoking Hub method 'chatHub.other'."}"#,
            #"{"I":"2","E":"'other' method could not be resolved. No method found with that name."}"#
        ),
        (
            #"{"H":"chatHub","M":"echo","A":[1,2],"I":2}"#,
            #"{"I":"2","E":"There was an error invoking Hub method 'chatHub.echo'."}"#,
            #"{"I":"2","E":"'echo' method could not be resolved. No method found with that name."}"#
        ),
        (
            #"{"H":"chatHub","M":"tell","A":[],"I":2}"#,
            #"{"I":"2","E":"There was an error invoking Hub method 'chatHub.tell'."}"#,
            #"{"I":"2","E":"The message could not be published: 0 sends already wait for the first connection to Redis"}"#
        ),
    ]

    @Test("the reason of an error is sent only with detailed errors", arguments: errors)
    func failed(request: String, generic: String, detailed: String) async throws {
        #expect(try await answer(request) == generic)
        #expect(try await answer(request, detailedErrors: true) == detailed)
    }

    @Test("an argument of another type fails the call")
    func wrongType() async throws {
        #expect(
            try await answer(#"{"H":"chatHub","M":"count","A":["x"],"I":2}"#)
                == #"{"I":"2","E":"There was an error invoking Hub method 'chatHub.count'."}"#)
    }

    @Test("a call of an unknown hub is not answered")
    func unknownHub() async throws {
        let metrics = HubMetrics(version: "test")
        #expect(try await answer(#"{"H":"none","M":"echo","A":[1],"I":0}"#, metrics: metrics) == nil)
        let exposed = String(decoding: metrics.registry.expose(.text), as: UTF8.self)
        #expect(exposed.contains(#"backplane_relay_hub_refused_requests_total{reason="unknown_hub"} 1"#))
    }

    @Test("calls and errors are counted under registered names, not under names from clients")
    func labels() async throws {
        let metrics = HubMetrics(version: "test")
        for method in ["ECHO", "echo", "made up 1", "made up 2"] {
            _ = try await answer(#"{"H":"CHATHUB","M":"\#(method)","A":[1],"I":0}"#, metrics: metrics)
        }
        let exposed = String(decoding: metrics.registry.expose(.text), as: UTF8.self)
        #expect(exposed.contains(#"backplane_relay_hub_invocations_total{hub="chatHub",method="Echo"} 2"#))
        #expect(exposed.contains(#"backplane_relay_hub_invocations_total{hub="chatHub",method="unknown"} 2"#))
        #expect(exposed.contains(#"backplane_relay_hub_invocation_errors_total{hub="chatHub",method="unknown"} 2"#))
        #expect(!exposed.contains("made up"))
    }

    @Test("hubs are listed by name, and found ignoring case")
    func hubs() {
        let dispatcher = HubDispatcher(
            hubs: [Hub("b") { _ in }, Hub("a") { _ in }, Hub("C") { _ in }], detailedErrors: false,
            metrics: HubMetrics(version: "test"), logger: .silent)
        #expect(dispatcher.all.map(\.name) == ["C", "a", "b"])
        #expect(dispatcher.hub(named: "c")?.name == "C")
        #expect(dispatcher.hub(named: "d") == nil)
    }
}
