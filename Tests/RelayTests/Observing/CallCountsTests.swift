import Backplane
import Prometheus
import Testing

@testable import Relay

@Suite struct CallCountsTests {
    private let registry = Registry()
    private let family: Family<Counter>

    init() {
        family = registry.counterFamily(
            "calls_total", help: "h", labels: ChannelMetrics.labels + ["hub", "method"],
            limit: ChildLimit(maximumChildren: CallCounts.maximumCalls, per: ChannelMetrics.labels))
    }

    private func count(_ values: [String]) -> [String] {
        var calls = CallCounts(family, channel: "chat", .signalR2)
        for value in values { Array(value.utf8).withUnsafeBytes { calls.observe($0) } }
        calls.publish()
        return String(decoding: registry.expose(.text), as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { !$0.hasPrefix("#") }
    }

    @Test func theSameCallInDifferentNotations() {
        let lines = count([
            #"{"H":"chatHub","M":"say","A":["x"]}"#,
            #"{"H":"chatHub","M":"say","A":[1,2],"S":{}}"#,
            #"{"M":"say","H":"chatHub","A":[]}"#,
            #"{ "H": "chatHub", "M": "say", "A": [] }"#,
            "{\"H\":\"chat\\u0048ub\",\"M\":\"say\",\"A\":[]}",
            #"{"H":"chatHub","M":"leave","A":[]}"#,
        ])
        #expect(
            lines == [
                #"calls_total{channel="chat",backplane="signalr2",hub="chatHub",method="leave"} 1"#,
                #"calls_total{channel="chat",backplane="signalr2",hub="chatHub",method="say"} 5"#,
            ])
    }

    @Test(arguments: ["", "{", "[]", #"{"H":"a""#, #"{"H":"a","M":"#, #"{"I":"P|0","P":{}}"#, #"{"H":"a\"#, "\u{0}"])
    func whatIsNoCallIsNotCounted(value: String) {
        #expect(count([value]).isEmpty)
    }

    /// Each call is counted separately, even if one name is a prefix of another.
    @Test func manyCallsOfAFewMethods() {
        let methods = ["say", "sayAll", "sa", "s", ""]
        let sequence = (0..<5_000).map { methods[($0 * $0 / 7 + $0 / 100) % methods.count] }
        let lines = count(sequence.map { #"{"H":"chatHub","M":"\#($0)","A":["say"]}"# })
        for method in methods {
            let expected = sequence.count { $0 == method }
            #expect(
                lines.contains(
                    #"calls_total{channel="chat",backplane="signalr2",hub="chatHub",method="\#(method)"} \#(expected)"#)
            )
        }
    }

    @Test func beyondTheLimitCallsAreCountedTogether() {
        let lines = count((0..<400).map { #"{"H":"hub","M":"m\#($0)","A":[]}"# })
        #expect(lines.count == CallCounts.maximumCalls + 1)
        #expect(lines.contains(#"calls_total{channel="chat",backplane="signalr2",hub="other",method="other"} 300"#))
    }

    @Test func aNameThatIsTooLongForALabel() {
        let lines = count([#"{"H":"\#(String(repeating: "x", count: 101))","M":"m","A":[]}"#])
        #expect(lines == [#"calls_total{channel="chat",backplane="signalr2",hub="other",method="other"} 1"#])
    }

    /// The fast path and the full parser agree on any bytes.
    @Test func anyBytes() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array(#"{"H":"","M":,A[]\u0 x"#.utf8)
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...40, using: &random)
            let value = (0..<length).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            value.withUnsafeBytes { bytes in
                guard let call = HubInvocation(scanning: bytes), let name = HubCallName(quickly: bytes) else { return }
                #expect(call.hubName == name.hub && call.methodName == name.method, "\(value)")
            }
        }
    }
}
