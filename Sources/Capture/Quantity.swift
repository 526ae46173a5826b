/// A number with its noun, for people.
package enum Quantity {
    /// `1 envelope`, `1,240 envelopes`
    ///
    /// - Parameter plural: if it is not the noun plus s.
    package static func text(_ number: some BinaryInteger, _ noun: String, _ plural: String? = nil) -> String {
        "\(grouped(number)) \(Self.noun(number, noun, plural))"
    }

    /// `envelope` for 1, else `envelopes`.
    package static func noun(_ number: some BinaryInteger, _ noun: String, _ plural: String? = nil) -> String {
        number == 1 ? noun : plural ?? noun + "s"
    }

    /// `1,240`
    package static func grouped(_ number: some BinaryInteger) -> String {
        var text = ""
        for (index, digit) in String(number).reversed().enumerated() {
            if index > 0, index % 3 == 0, digit != "-" { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }
}
