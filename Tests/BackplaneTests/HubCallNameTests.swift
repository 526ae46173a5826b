import Testing

@testable import Backplane

@Suite struct HubCallNameTests {
    private func names(_ text: String) -> [String]? {
        Array(text.utf8).withUnsafeBytes { bytes in
            HubCallName(quickly: bytes).map { [$0.hub, $0.method, String(decoding: $0.key, as: UTF8.self)] }
        }
    }

    /// Names of every length around eight bytes, each value ending directly after the name.
    @Test(arguments: 0...20)
    func namesOfEveryLength(length: Int) {
        let hub = String(repeating: "h", count: length)
        for method in ["", "m", "broadcast", "broadcastMessage", "näme", "#!]"] {
            for rest in ["", "}", #","A":["it said \"no\" \\ "]}"#] {
                let expected = [hub, method, #"\#(hub)","M":"\#(method)"#]
                #expect(names(#"{"H":"\#(hub)","M":"\#(method)""# + rest) == expected)
            }
        }
    }

    /// An escape at each position of either name: ``HubInvocation`` must decode it.
    @Test func anEscapeAnywhere() {
        for place in 0...20 {
            let name = String(repeating: "n", count: place) + #"\""# + String(repeating: "n", count: 20 - place)
            #expect(names(#"{"H":"\#(name)","M":"m","A":[]}"#) == nil)
            #expect(names(#"{"H":"h","M":"\#(name)","A":[]}"#) == nil)
        }
    }

    /// Cut at every byte: nil until both names are complete.
    @Test func cutAnywhere() {
        let whole = #"{"H":"chatHub","M":"broadcastMessage""#
        for count in 0..<whole.utf8.count { #expect(names(String(whole.prefix(count))) == nil) }
        #expect(names(whole) != nil)
    }

    @Test(arguments: [#"{"M":"m","H":"h","A":[]}"#, #"{ "H":"h","M":"m"}"#, "{}", "[]", "", #"{"H":1,"M":"m"}"#])
    func othersAreNotQuick(value: String) { #expect(names(value) == nil) }
}
