import SignalRBackplane
import TestSupport
import Testing

@Suite struct HubRequestTests {
    static let requests: [(json: String, request: HubRequest)] = [
        (#"{"H":"chatHub","M":"send","A":["x"],"I":0}"#, request("chatHub", "send", [#""x""#], "0")),
        (#"{"H":"chatHub","M":"send","A":["x"],"I":0,"S":{"a":[1]}}"#, request("chatHub", "send", [#""x""#], "0")),
        (#"{"I":1,"A":[1],"M":"m","H":"h"}"#, request("h", "m", ["1"], "1")),
        (#"{"S":{"H":"x","M":"y","A":[2],"I":9},"A":[1],"H":"h","I":1,"M":"m"}"#, request("h", "m", ["1"], "1")),
        // The id: a number, or text.
        (#"{"H":"h","M":"m","A":[],"I":"0"}"#, request("h", "m", [], "0")),
        (#"{"H":"h","M":"m","A":[],"I":"\u0041\"b"}"#, request("h", "m", [], "A\"b")),
        (#"{"H":"h","M":"m","A":[],"I": 123456789012345678901 }"#, request("h", "m", [], "123456789012345678901")),
        (#"{"H":"h","M":"m","A":[],"I":-1.5e3}"#, request("h", "m", [], "-1.5e3")),
        (#"{"H":"h","M":"m","A":[],"I":""}"#, request("h", "m", [], "")),
        (#"{"H":"h","M":"m","A":[]}"#, request("h", "m", [], "")),
        // No arguments.
        (#"{"H":"h","M":"m","I":1}"#, request("h", "m", [], "1")),
        (#"{"H":"h","M":"m","A":null,"I":1}"#, request("h", "m", [], "1")),
        (#"{"M":"","H":""}"#, request("", "", [], "")),
        // Arguments of every kind, each as it stands.
        (
            #"{"H":"h","M":"m","A":[ null , true ,-0.5e1,"a,]}\"", [ 1 , [2] ] ,{ "A" : [ ] }, "" ],"I":1}"#,
            request("h", "m", ["null", "true", "-0.5e1", #""a,]}\"""#, "[ 1 , [2] ]", #"{ "A" : [ ] }"#, #""""#], "1")
        ),
        (" \t\r\n{ \"H\" : \"h\" ,\n\"M\" : \"m\" , \"A\" : [ 1 ] , \"I\" : 2 } \n", request("h", "m", ["1"], "2")),
        // Escapes, in names of members too.
        (#"{"\u0048":"ch\u0061t","M":"na\u00efve","\u0041":["\u0041"]}"#, request("chat", "naïve", [#""\u0041""#], "")),
        (#"{"H":"\ud83d\ude00","M":"\ud83d"}"#, request("😀", "\u{FFFD}", [], "")),
        (#"{"H":"日本","M":"漢字","A":["カタカナ"]}"#, request("日本", "漢字", [#""カタカナ""#], "")),
        // Of H, M and I the last one counts.
        (#"{"H":"a","H":"h","M":"a","M":"m","I":1,"I":2}"#, request("h", "m", [], "2")),
        (#"{"HH":1,"":2,"H":"h","M":"m"}"#, request("h", "m", [], "")),
    ]

    private static func request(_ hub: String, _ method: String, _ arguments: [String], _ id: String) -> HubRequest {
        HubRequest(hub: hub, method: method, arguments: arguments.map { Array($0.utf8) }, id: id)
    }

    @Test(arguments: requests)
    func aCallIsRead(json: String, request: HubRequest) {
        #expect(HubRequest(decoding: Array(json.utf8)) == request)
    }

    static let others: [String] = [
        "", " ", "null", "1", #""H""#, "[]", "{}", "notjson", #"[{"H":"h","M":"m","A":[]}]"#,
        // What else crosses a transport.
        #"{"I":"0","R":1}"#, #"{"C":"s-0,1","M":[]}"#, #"{"WaitForAck":false,"Id":"a","CommandType":0,"Value":null}"#,
        // Members missing, or of another kind.
        #"{"H":"h"}"#, #"{"M":"m"}"#, #"{"H":null,"M":"m"}"#, #"{"H":"h","M":null}"#, #"{"H":1,"M":"m"}"#,
        #"{"H":"h","M":["m"]}"#, #"{"H":"h","M":"m","A":{}}"#, #"{"H":"h","M":"m","A":"x"}"#,
        #"{"H":"h","M":"m","A":1}"#, #"{"H":"h","H":1,"M":"m"}"#,
        // Broken.
        #"{"H":"h","M":"m"}}"#, #"{"H":"h","M":"m"}x"#, #"{"H":"h","M":"m",}"#, #"{"H":"h","M":"m","A":[1,]}"#,
        #"{"H":"h","M":"m","A":[,]}"#, #"{"H":"h","M":"m","A":[1 2]}"#, #"{"H":"h","M":"m","A":[01]}"#,
        #"{"H":"h","M":"m","I":}"#, #"{"H":"h","M":"m","I":1.}"#, #"{"H":"h","M":"m","S":}"#, #"{"H":"\x","M":"m"}"#,
        "{\"H\":\"h\",\"M\":\"a\nb\"}", "\u{FEFF}{\"H\":\"h\",\"M\":\"m\"}",
    ]

    @Test(arguments: others)
    func nothingElseIs(json: String) {
        #expect(HubRequest(decoding: Array(json.utf8)) == nil)
    }

    @Test func malformedUTF8IsNot() {
        for place in ["H", "M", "A", "I", "S"] {
            var json = Array(#"{"H":"H","M":"M","A":["A"],"I":"I","S":{"a":"S"}}"#.utf8)
            #expect(HubRequest(decoding: json) != nil)
            guard let index = json.lastIndex(of: place.utf8.first ?? 0) else { continue }
            json[index] = 0xFF
            #expect(HubRequest(decoding: json) == nil, "\(place)")
        }
    }

    @Test func depthIsBounded() {
        func nested(_ depth: Int) -> [UInt8] {
            let argument = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            return Array(#"{"H":"h","M":"m","A":[\#(argument)]}"#.utf8)
        }
        #expect(HubRequest(decoding: nested(62))?.arguments.first?.count == 124)
        #expect(HubRequest(decoding: nested(63)) == nil)
        #expect(HubRequest(decoding: nested(500_000)) == nil)
    }

    @Test func aCallCutAnywhereIsNone() {
        for example in Self.requests {
            let json = Array(example.json.utf8)
            // White space behind it may go.
            let end = json.lastIndex(of: UInt8(ascii: "}")) ?? 0
            for cut in 0...end where HubRequest(decoding: Array(json[..<cut])) != nil {
                Issue.record("\(example.json) cut at \(cut)")
            }
        }
    }

    @Test func anyByteMayBecomeAnyOther() async {
        var random = SplitMix64.announced()
        let alphabet = Array(#"[]{},:"\uHMAIS019 ntf"#.utf8)
        for _ in 0..<50_000 {
            await Task.yield()
            guard var json = Self.requests.randomElement(using: &random).map({ Array($0.json.utf8) }) else { return }
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let byte = Bool.random(using: &random) ? alphabet.randomElement(using: &random) : nil
                json[Int.random(in: json.indices, using: &random)] = byte ?? random.bytes(1)[0]
            }
            expectSound(json)
        }
    }

    @Test func randomBytesAreNone() {
        var random = SplitMix64.announced()
        for _ in 0..<20_000 {
            let bytes = random.bytes(Int.random(in: 0...60, using: &random))
            if HubRequest(decoding: bytes) != nil { Issue.record("\(bytes) is a call") }
        }
    }

    /// What is read is JSON, and so is each of its arguments.
    private func expectSound(_ json: [UInt8]) {
        guard let request = HubRequest(decoding: json) else { return }
        if !ReferenceJSON.accepts(json) || !request.arguments.allSatisfy({ ReferenceJSON.accepts($0) }) {
            Issue.record("\(String(decoding: json, as: UTF8.self)) was read as \(request)")
        }
    }
}
