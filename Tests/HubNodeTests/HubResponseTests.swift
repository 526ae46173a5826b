import Testing

@testable import HubNode

@Suite("Hub response")
struct HubResponseTests {
    private static let results: [(result: String?, id: String, text: String)] = [
        (nil, "0", #"{"I":"0"}"#),
        // From a method without a result.
        ("null", "0", #"{"I":"0"}"#),
        (#""é""#, "1", #"{"R":"é","I":"1"}"#),
        ("0", "12", #"{"R":0,"I":"12"}"#), ("false", "1", #"{"R":false,"I":"1"}"#), (#""""#, "1", #"{"R":"","I":"1"}"#),
        ("[null]", "1", #"{"R":[null],"I":"1"}"#), (#"{"a":[1,2]}"#, "", #"{"R":{"a":[1,2]},"I":""}"#),
        ("1", "a\"\u{2028}b", #"{"R":1,"I":"a\"\u2028b"}"#),
    ]

    @Test("a result precedes its id, and null is left out", arguments: results)
    func result(result: String?, id: String, text expected: String) {
        #expect(text(HubResponse.result(result.map { Array($0.utf8) }, id: id)) == expected)
    }

    @Test("an error has the format of a real node")
    func errors() throws {
        #expect(
            text(HubResponse.error("This is a plain exception", id: "2"))
                == #"{"I":"2","E":"This is a plain exception"}"#)
        #expect(text(HubResponse.error("no", isHubError: true, id: "3")) == #"{"I":"3","H":true,"E":"no"}"#)
        let data = try JSONValue(json: Array(#" { "code" : 7 } "#.utf8))
        #expect(
            text(HubResponse.error("no", isHubError: true, data: data, id: "3"))
                == #"{"I":"3","H":true,"E":"no","D":{"code":7}}"#)
        #expect(text(HubResponse.error("", id: "")) == #"{"I":"","E":""}"#)
        #expect(
            text(HubResponse.error("'x' \"y\"\n\u{0}\u{85}<&>日", id: "1\\"))
                == #"{"I":"1\\","E":"'x' \"y\"\n\u0000\u0085<&>日"}"#)
    }

    @Test(
        "equals the recorded response",
        arguments: ["send: void method", "send: result", "send: error", "send: join group"])
    func recorded(title: String) throws {
        let expected: [String: [UInt8]] = [
            "send: void method": HubResponse.result(nil, id: "0"),
            "send: result": HubResponse.result("é".json(), id: "1"),
            "send: error": HubResponse.error("This is a plain exception", id: "2"),
            "send: join group": HubResponse.result(nil, id: "3"),
        ]
        #expect(text(expected[title]) == (try Recording.named(title).text))
    }
}
