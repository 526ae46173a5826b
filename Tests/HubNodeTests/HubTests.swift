import Testing

@testable import HubNode

@Suite("Hub")
struct HubTests {
    private let hub = Hub("testHub") { hub in
        hub.on("nothing") { (_: HubCall) in }
        hub.on("Echo") { (_: HubCall, value: String) in value }
        hub.on("add") { (_: HubCall, one: Int, two: Int) in one + two }
        hub.on("ADD") { (_: HubCall, one: Int, two: Int, three: Int) in one + two + three }
        hub.on("add") { (_: HubCall, one: Int) in "\(one)" }
        hub.on("many") { (_: HubCall, a: String, b: Int, c: Bool, d: [Int], e: Double?, f: JSONValue) in
            "\(a) \(b) \(c) \(d) \(e ?? -1) \(String(decoding: f.text, as: UTF8.self))"
        }
        hub.on("none") { (_: HubCall) in String?.none }
        hub.on("fail") { (_: HubCall) in throw HubError("no") }
    }

    private func call(_ name: String, _ arguments: String...) async throws -> String? {
        let method = try #require(hub.method(name, arity: arguments.count))
        let call = HubCall(
            connectionID: "c1", user: "alice", hub: "testHub", requestID: "0", publisher: .unconnected())
        return text(try await method.result(call, arguments))
    }

    @Test("a method without a result returns nil")
    func noResult() async throws {
        #expect(try await call("nothing") == nil)
    }

    @Test("arguments arrive in order, each with its type")
    func arguments() async throws {
        #expect(try await call("echo", #""a\u0062""#) == #""ab""#)
        #expect(
            try await call("many", #""x""#, "1", "true", "[1,2]", "null", #"{ "a" : 1 }"#)
                == #""x 1 true [1, 2] -1.0 {\"a\":1}""#)
    }

    @Test("scalars of another type are converted like on a real node")
    func converts() async throws {
        #expect(try await call("echo", "1") == #""1""#)
        #expect(try await call("add", #""1""#) == #""1""#)
        #expect(try await call("many", "1", #""2""#, "1", "[1]", #""3.5""#, "4") == #""1 2 true [1] 3.5 4""#)
    }

    @Test("a missing result is null")
    func null() async throws {
        #expect(try await call("none") == "null")
    }

    @Test("methods of one name are distinguished by the number of arguments")
    func overloads() async throws {
        #expect(try await call("add", "1") == #""1""#)
        #expect(try await call("add", "1", "2") == "3")
        #expect(try await call("add", "1", "2", "3") == "6")
    }

    @Test("a method is found ignoring case", arguments: ["echo", "Echo", "ECHO"])
    func names(name: String) throws {
        #expect(try #require(hub.method(name, arity: 1)).name == "Echo")
    }

    private static let missing: [(name: String, arity: Int)] = [
        ("nothing", 1), ("echo", 0), ("echo", 2), ("add", 0), ("add", 4), ("many", 5), ("many", 7), ("", 0),
        ("other", 0), ("echo ", 1), ("testHub.echo", 1),
    ]

    @Test("another number of arguments or another name is not found", arguments: missing)
    func noMethod(name: String, arity: Int) {
        #expect(hub.method(name, arity: arity) == nil)
    }

    private static let wrongTypes: [(name: String, arguments: [String])] = [
        ("echo", ["[]"]), ("echo", ["null"]), ("add", [#""x""#]), ("add", ["1", "true"]), ("add", ["1.5", "1"]),
        ("many", [#""x""#, "1", "true", "[1]", "null", "nonsense"]),
        ("many", [#""x""#, "1", "[]", "[1]", "null", "1"]),
    ]

    @Test("an argument of another type is an error, not a call", arguments: wrongTypes)
    func refuses(name: String, arguments: [String]) async throws {
        let method = try #require(hub.method(name, arity: arguments.count))
        let call = HubCall(connectionID: "c1", user: "", hub: "testHub", requestID: "0", publisher: .unconnected())
        await #expect(throws: (any Error).self) {
            _ = try await method.result(call, arguments)
        }
    }

    @Test("errors are passed on unchanged")
    func error() async throws {
        let error = await #expect(throws: HubError.self) { _ = try await call("fail") }
        #expect(error?.message == "no")
    }

    @Test("the last registration of a name and number of arguments counts")
    func replaced() async throws {
        let hub = Hub("h") { hub in
            hub.on("m") { (_: HubCall) in 1 }
            hub.on("M") { (_: HubCall) in 2 }
        }
        let method = try #require(hub.method("m", arity: 0))
        let call = HubCall(connectionID: "c1", user: "", hub: "h", requestID: "0", publisher: .unconnected())
        #expect(text(try await method.result(call, [])) == "2")
        #expect(hub.methodNames == ["M"])
    }

    @Test("names are listed once each, in alphabetical order")
    func methodNames() {
        let hub = Hub("h") { hub in
            hub.on("send") { (_: HubCall, _: String) in }
            hub.on("join") { (_: HubCall) in }
            hub.on("send") { (_: HubCall, _: String, _: Int) in }
            hub.on("echo") { (_: HubCall, value: Int) in value }
        }
        #expect(hub.methodNames == ["echo", "join", "send"])
        #expect(Hub("empty") { _ in }.methodNames == [])
    }
}

extension HubMethod {
    /// - Parameter arguments: each as JSON.
    fileprivate func result(_ call: HubCall, _ arguments: [String]) async throws -> [UInt8]? {
        let arguments = HubArguments(arguments.map { HubArgument(json: Array($0.utf8)) })
        guard case .value(let value) = try await body(call, arguments) else { return nil }
        return value?.json
    }
}
