import Testing

@testable import HubNode

@Suite("GUID")
struct GUIDTests {
    @Test("is written as .NET writes it, version 4, variant 1")
    func format() throws {
        for _ in 0..<1_000 {
            let guid = GUID.random()
            let match = try #require(
                guid.wholeMatch(
                    of: #/[0-9a-f]{8}-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{12}/#),
                "\(guid)")
            #expect(match.1 == "4", "\(guid)")
            #expect("89ab".contains(match.2), "\(guid)")
        }
    }

    @Test("is another one each time, in every digit but the version")
    func random() {
        let guids = (0..<1_000).map { _ in Array(GUID.random()) }
        #expect(Set(guids).count == 1_000)
        for place in 0..<36 where ![8, 13, 18, 23, 14].contains(place) {
            // The digit of the variant has four values, the others have 16.
            #expect(Set(guids.map { $0[place] }).count == (place == 19 ? 4 : 16), "digit \(place)")
        }
    }
}
