import Testing

/// ``PlaceFinder`` finds a place however the bytes are split.
struct PlaceFinderTests {
    private static let stream = Array("ab+MAR+MARK and more".utf8)

    @Test("the place is the same for each size of the pieces", arguments: 1...20, [0, 1, 5, 9])
    func pieces(size: Int, after: Int) {
        let place = CuttingProxy.Place(mark: "+MARK", after: after)
        var finder = PlaceFinder()
        var passed = 0
        while passed < Self.stream.count {
            let piece = Self.stream[passed..<min(passed + size, Self.stream.count)]
            if let length = finder.find(place, in: piece) {
                #expect(passed + length == 11 + after)
                return
            }
            passed += piece.count
        }
        Issue.record("not found")
    }
}
