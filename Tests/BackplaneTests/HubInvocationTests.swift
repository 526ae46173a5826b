import Backplane
import Testing

@Suite struct HubInvocationTests {
    static let invocations: [(json: String, hub: String, method: String, arguments: Int)] = [
        (#"{"H":"chatHub","M":"broadcastMessage","A":["alice","hello"]}"#, "chatHub", "broadcastMessage", 2),
        (#"{"H":"chatHub","M":"x","A":[]}"#, "chatHub", "x", 0),
        (#"{"H":"chatHub","M":"x","A":[],"S":{"count":1}}"#, "chatHub", "x", 0),
        (#"{"S":{"a":[{}]},"A":[1],"M":"x","H":"chatHub"}"#, "chatHub", "x", 1),
        (" \t\r\n{ \"H\" : \"h\" ,\n\"M\" : \"m\" , \"A\" : [ 1 , 2 ,\t3 ] } \n", "h", "m", 3),
        (
            #"{"H":"h","M":"m","A":[[1,[2,{"a":[3,4]}]],{"b":{"c":[5,6]},"d":7},"8",null,true,false,-9.5e+10]}"#, "h",
            "m", 7
        ),
        (#"{"H":"h","M":"m","A":["a,b","]","\"],[","\\","{\"H\":\"no\"}"]}"#, "h", "m", 5),
        (#"{"H":"ch\u0061t","M":"na\u00efve\t\"x\"","A":[]}"#, "chat", "naïve\t\"x\"", 0),
        (#"{"H":"\ud83d\ude00","M":"\ud83dx\ude00","A":[]}"#, "😀", "\u{FFFD}x\u{FFFD}", 0),
        (#"{"H":"\ud83d\u0041","M":"\b\f\n\r\t\/\\","A":[]}"#, "\u{FFFD}A", "\u{8}\u{C}\n\r\t/\\", 0),
        (#"{"\u0048":"h","\u004D":"m","\u0041":[0]}"#, "h", "m", 1),
        (#"{"H":"太郎","M":"漢字","A":["カタカナ"]}"#, "太郎", "漢字", 1),
        (#"{"H":"","M":"","A":[]}"#, "", "", 0),
        (#"{"H":"first","H":"last","M":"m","A":[1,2],"A":[]}"#, "last", "m", 0),
        (#"{"H":"h","M":"m","A":[{"H":"inner","M":"inner","A":[1,2,3]}]}"#, "h", "m", 1),
    ]

    @Test(arguments: invocations)
    func hubMethodAndArgumentsAreFound(json: String, hub: String, method: String, arguments: Int) throws {
        try Array(json.utf8).withUnsafeBytes { bytes in
            let invocation = try #require(HubInvocation(scanning: bytes))
            #expect(invocation.hubName == hub)
            #expect(invocation.methodName == method)
            #expect(invocation.argumentCount == arguments)
        }
    }

    @Test func namesKeepTheirCase() throws {
        try Array(#"{"H":"ch\u0061t","M":"say","A":[]}"#.utf8).withUnsafeBytes { bytes in
            let invocation = try #require(HubInvocation(scanning: bytes))
            #expect(invocation.hub.elementsEqual(#"ch\u0061t"#.utf8))
            #expect(invocation.method.elementsEqual("say".utf8))
        }
    }

    static let others: [String] = [
        "", " ", "null", "1", #""H""#, "[]", "{}", #"[{"H":"h","M":"m","A":[]}]"#,
        // Other messages on the bus.
        #"{"I":"P|0","P":{"I":"0","D":1}}"#,
        #"{"R":1,"I":"0"}"#,
        #"{"WaitForAck":false,"Id":"35940c40","CommandType":0,"Value":null}"#,
        #""batched echo""#,
        // Members missing, or of another type.
        #"{"H":"h","M":"m"}"#, #"{"H":"h","A":[]}"#, #"{"M":"m","A":[]}"#, #"{"h":"h","m":"m","a":[]}"#,
        #"{"H":1,"M":"m","A":[]}"#, #"{"H":"h","M":null,"A":[]}"#, #"{"H":"h","M":"m","A":{}}"#,
        #"{"H":"h","M":"m","A":null}"#, #"{"H":"h","M":"m","A":[],"A":1}"#, #"{"HH":"h","M":"m","A":[]}"#,
        // Malformed.
        #"{"H":"h","M":"m","A":[]"#, #"{"H":"h","M":"m","A":[}"#, #"{"H":"h","M":"m","A":[1,]}"#,
        #"{"H":"h","M":"m","A":[]}}"#, #"{"H":"h","M":"m","A":[]}x"#, #"{"H":"h","M":"m","A":[],}"#,
        #"{"H":"h","M":"m" "A":[]}"#, #"{"H" "h","M":"m","A":[]}"#, #"{H:"h","M":"m","A":[]}"#,
        #"{"H":"h","M":"m","A":[1 2]}"#, #"{"H":"\x","M":"m","A":[]}"#, #"{"H":"\u12g4","M":"m","A":[]}"#,
        "{\"H\":\"a\nb\",\"M\":\"m\",\"A\":[]}", #"{"H":"h","M":"m","A":["#,
    ]

    @Test(arguments: others)
    func anythingElseIsNoInvocation(_ json: String) {
        Array(json.utf8).withUnsafeBytes { bytes in
            #expect(HubInvocation(scanning: bytes) == nil)
        }
    }

    @Test func aCutInvocationIsRejected() {
        for invocation in Self.invocations {
            let whole = Array(invocation.json.utf8)
            let end = (whole.lastIndex(of: UInt8(ascii: "}")) ?? 0)
            for cut in 0...end {
                // A separate copy, so that a read past the cut does not find the rest.
                Array(whole[..<cut]).withUnsafeBytes { bytes in
                    #expect(HubInvocation(scanning: bytes) == nil, "\(invocation.json) cut at \(cut)")
                }
            }
        }
    }

    @Test func argumentsMayNestUpToTheLimit() {
        func isInvocation(depth: Int) -> Bool {
            let argument = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            return Array(#"{"H":"h","M":"m","A":[\#(argument)]}"#.utf8).withUnsafeBytes { bytes in
                HubInvocation(scanning: bytes) != nil
            }
        }
        #expect(isInvocation(depth: 64))
        #expect(!isInvocation(depth: 65))
        #expect(!isInvocation(depth: 1_000_000))
    }
}
