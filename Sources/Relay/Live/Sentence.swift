/// One line for people. Times stand apart, since only the reader's browser knows the time zone.
struct Sentence: Sendable, Equatable {
    /// With `{0}`, `{1}` where the times belong.
    private(set) var text = ""
    /// Nanoseconds since 1970.
    private(set) var times: [UInt64] = []

    /// Takes `{}` for each time.
    mutating func add(_ words: String, _ times: UInt64...) {
        var rest = words[...]
        for time in times {
            guard let place = rest.firstRange(of: "{}") else { break }
            text += rest[..<place.lowerBound] + "{\(self.times.count)}"
            self.times.append(time)
            rest = rest[place.upperBound...]
        }
        text += rest
    }
}
