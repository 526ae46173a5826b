import Testing

@testable import backplane_relay

@Suite struct FormatTests {
    @Test(arguments: [
        (0, "0 envelopes"), (1, "1 envelope"), (2, "2 envelopes"), (1_240, "1,240 envelopes"), (-1, "-1 envelopes"),
    ])
    func oneIsSingular(_ count: Int, _ text: String) {
        #expect(Format.count(count, "envelope") == text)
    }

    @Test func otherPlurals() {
        #expect(Format.count(1, "delivery", "deliveries") == "1 delivery")
        #expect(Format.count(2, "envelope has", "envelopes have") == "2 envelopes have")
    }
}
