import Backplane
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
        (#"{"H":"h","M":"m","A":[],"I":1.5}"#, request("h", "m", [], "1.5")),
        (#"{"H":"h","M":"m","A":[],"I":true}"#, request("h", "m", [], "true")),
        (#"{"H":"h","M":"m","A":[],"I":NaN}"#, request("h", "m", [], "NaN")),
        (#"{"H":"h","M":"m","A":[],"I":null}"#, request("h", "m", [], nil)),
        (#"{"H":"h","M":"m","A":[]}"#, request("h", "m", [], nil)),
        // Names in any case; numbers and booleans as names.
        (#"{"h":"h","m":"m","a":[1],"i":3}"#, request("h", "m", ["1"], "3")),
        (#"{"H":1,"M":false}"#, request("1", "false", [], nil)),
        (#"{"H":"h","h":"g","M":"m"}"#, request("g", "m", [], nil)),
        // As accepted by Newtonsoft.Json.
        (#"{'H':'h',"M":'it\'s "m"'}"#, request("h", #"it's "m""#, [], nil)),
        ("{H:'h',/*c*/M:'m',// d\nA:[1,],}", request("h", "m", ["1"], nil)),
        (#"/*c*/{"H":"h","M":"m"} x"#, request("h", "m", [], nil)),
        (#"{"H":"h","M":"m"}}"#, request("h", "m", [], nil)),
        (#"{"H":"h","M":"m","A":[,]}"#, request("h", "m", ["null"], nil)),
        (
            #"{"H":"h","M":"m","A":[undefined,NaN,-Infinity]}"#,
            request("h", "m", ["null", #""NaN""#, #""-Infinity""#], nil)
        ),
        (
            #"{"H":"h","M":"m","A":[010,0x1f,1.,.5,-.5,1e3,-0,1E400x]}"#.replacing(",1E400x", with: ""),
            request("h", "m", ["8", "31", "1.0", "0.5", "-0.5", "1000.0", "0"], nil)
        ),
        ("{\"H\":\"h\",\"M\":\"a\nb\"}", request("h", "a\nb", [], nil)),
        // Numbers as .NET writes them.
        (
            #"{"H":"h","M":"m","A":[1.50,1e300,1e-7,0.1,123456789012345678901,1e15,100000.0,5e-324]}"#,
            request(
                "h", "m",
                [
                    "1.5", "1E+300", "1E-07", "0.1", "123456789012345678901", "1E+15", "100000.0",
                    "4.94065645841247E-324",
                ],
                nil)
        ),
        // Texts that Newtonsoft.Json reads as times.
        (
            #"{"H":"h","M":"m","A":["2020-01-02T03:04:05Z","2020-01-02T03:04:05.1200","2020-02-29T23:59:59+01:30","/Date(0)/"]}"#,
            request(
                "h", "m",
                [
                    #""2020-01-02T03:04:05Z""#, #""2020-01-02T03:04:05.12""#, #""2020-02-29T22:29:59+00:00""#,
                    #""1970-01-01T00:00:00Z""#,
                ], nil)
        ),
        (
            #"{"H":"h","M":"m","A":["2020-13-02T03:04:05Z","2020-01-02","2020-01-02 03:04:05","/Date(x)/"]}"#,
            request(
                "h", "m",
                [#""2020-13-02T03:04:05Z""#, #""2020-01-02""#, #""2020-01-02 03:04:05""#, #""/Date(x)/""#], nil)
        ),
        // No arguments.
        (#"{"H":"h","M":"m","I":1}"#, request("h", "m", [], "1")),
        (#"{"H":"h","M":"m","A":null,"I":1}"#, request("h", "m", [], "1")),
        (#"{"M":"","H":""}"#, request("", "", [], nil)),
        // Arguments of every kind, without white space.
        (
            #"{"H":"h","M":"m","A":[ null , true ,-0.5e1,"a,]}\"", [ 1 , [2] ] ,{ "A" : [ ] }, "" ],"I":1}"#,
            request("h", "m", ["null", "true", "-5.0", #""a,]}\"""#, "[1,[2]]", #"{"A":[]}"#, #""""#], "1")
        ),
        (" \t\r\n{ \"H\" : \"h\" ,\n\"M\" : \"m\" , \"A\" : [ 1 ] , \"I\" : 2 } \n", request("h", "m", ["1"], "2")),
        // Escapes, in names of members too.
        (#"{"\u0048":"ch\u0061t","M":"na\u00efve","\u0041":["\u0041"]}"#, request("chat", "naïve", [#""A""#], nil)),
        (#"{"H":"\ud83d\ude00","M":"\ud83d"}"#, request("😀", "\u{FFFD}", [], nil)),
        (#"{"H":"日本","M":"漢字","A":["カタカナ"]}"#, request("日本", "漢字", [#""カタカナ""#], nil)),
        // Of H, M and I the last one counts.
        (#"{"H":"a","H":"h","M":"a","M":"m","I":1,"I":2}"#, request("h", "m", [], "2")),
        (#"{"HH":1,"":2,"H":"h","M":"m"}"#, request("h", "m", [], nil)),
    ]

    private static func request(_ hub: String, _ method: String, _ arguments: [String], _ id: String?) -> HubRequest {
        HubRequest(hub: hub, method: method, arguments: arguments.map { Array($0.utf8) }, id: id)
    }

    @Test(arguments: requests)
    func aCallIsRead(json: String, request: HubRequest) {
        #expect(HubRequest(decoding: Array(json.utf8)) == request)
    }

    static let others: [String] = [
        "", " ", "null", "1", #""H""#, "[]", "{}", "notjson", #"[{"H":"h","M":"m","A":[]}]"#,
        // Other data on a transport.
        #"{"I":"0","R":1}"#, #"{"C":"s-0,1","M":[]}"#, #"{"WaitForAck":false,"Id":"a","CommandType":0,"Value":null}"#,
        // Members missing, or of another type.
        #"{"H":"h"}"#, #"{"M":"m"}"#, #"{"H":null,"M":"m"}"#, #"{"H":"h","M":null}"#,
        #"{"H":"h","M":["m"]}"#, #"{"H":"h","M":"m","A":{}}"#, #"{"H":"h","M":"m","A":"x"}"#,
        #"{"H":"h","M":"m","A":1}"#, #"{"H":"h","M":"m","I":[]}"#, #"{"H":"h","M":"m","S":[]}"#,
        #"{"H":"h","M":"m","S":{"a":"\#(String(repeating: "s", count: 4_096))"}}"#,
        // Malformed.
        #"{,"H":"h","M":"m"}"#, #"{"H":"h","M":"m",,}"#, #"{"H":"h" "M":"m"}"#, #"{"H":"h","M":"m","A":[1}"#,
        #"{"H":"h","M":"m","A":[1 2]}"#, #"{"H":"h","M":"m","A":[08]}"#, #"{"H":"h","M":"m","A":[1e999]}"#,
        #"{"H":"h","M":"m","A":[+1]}"#, #"{"H":"h","M":"m","A":[new Date(1)]}"#, #"{"H":"h","M":"m","A":[1]"#,
        #"{"H":"h","M":"m","I":}"#, #"{"H":"h","M":"m","I":1e}"#, #"{"H":"h","M":"m","S":}"#, #"{"H":"\x","M":"m"}"#,
        #"{"H":"h","M":"m"/*"#, #"{"H":'h","M":"m"}"#, "\u{FEFF}{\"H\":\"h\",\"M\":\"m\"}",
    ]

    @Test(arguments: others)
    func nothingElseIs(json: String) {
        #expect(HubRequest(decoding: Array(json.utf8)) == nil)
    }

    @Test func malformedUTF8IsReplaced() {
        var json = Array(#"{"H":"H","M":"M","A":["A"],"I":"I"}"#.utf8)
        for place in ["H", "M", "A", "I"] {
            guard let index = json.lastIndex(of: place.utf8.first ?? 0) else { continue }
            json[index] = 0xFF
        }
        let replaced = "\u{FFFD}"
        #expect(HubRequest(decoding: json) == Self.request(replaced, replaced, ["\"\(replaced)\""], replaced))
    }

    @Test func depthIsBounded() {
        func nested(_ depth: Int) -> [UInt8] {
            let argument = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            return Array(#"{"H":"h","M":"m","A":[\#(argument)]}"#.utf8)
        }
        // SignalR's limit is 20; the call and the list of its arguments are two.
        #expect(HubRequest(decoding: nested(18))?.arguments.first?.count == 36)
        #expect(HubRequest(decoding: nested(19)) == nil)
        #expect(HubRequest(decoding: nested(500_000)) == nil)
    }

    @Test func aCutCallIsRejectedOrUnchanged() {
        for example in Self.requests {
            let json = Array(example.json.utf8)
            for cut in 0..<json.count {
                guard let request = HubRequest(decoding: Array(json[..<cut])) else { continue }
                // Anything after the call may be cut.
                if request != example.request { Issue.record("\(example.json) cut at \(cut)") }
            }
        }
    }

    @Test func anyChangedByteIsHandled() async {
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

    @Test func randomBytesAreRejected() {
        var random = SplitMix64.announced()
        for _ in 0..<20_000 {
            let bytes = random.bytes(Int.random(in: 0...60, using: &random))
            if HubRequest(decoding: bytes) != nil { Issue.record("\(bytes) is a call") }
        }
    }

    /// Each argument of a decoded call is valid JSON.
    private func expectSound(_ json: [UInt8]) {
        guard let request = HubRequest(decoding: json) else { return }
        if !request.arguments.allSatisfy({ ReferenceJSON.accepts($0) }) {
            Issue.record("\(String(decoding: json, as: UTF8.self)) was read as \(request)")
        }
    }
}
