import Backplane
import Capture

/// Compares sent and received items one by one, in order.
enum Comparison {
    /// What is compared.
    enum Item {
        /// Every byte.
        case payload([UInt8])
        /// Everything except the id, which a replay assigns: each field of each message, and the publisher's time.
        case content([UInt8])
    }

    private static let listed = 5

    /// - Returns: the first differences as sentences; empty if there are none.
    static func differences(expected: [Item], actual: [Item], what: String) -> [String] {
        differences(expected, actual, what: what, unit: "envelope", difference)
    }

    /// - Returns: the first differences as sentences; empty if there are none.
    static func differences(expected: [Witness.Heard], actual: [Witness.Heard], what: String)
        -> [String]
    {
        differences(expected, actual, what: what, unit: "call") { expected, actual in
            expected == actual ? nil : "\(actual) instead of \(expected)"
        }
    }

    private static func differences<Element>(
        _ expected: [Element], _ actual: [Element], what: String, unit: String,
        _ difference: (Element, Element) -> String?
    ) -> [String] {
        var differences: [String] = []
        if expected.count != actual.count {
            differences.append(
                "\(what): \(Quantity.text(actual.count, unit)) instead of \(expected.count)")
        }
        for (index, pair) in zip(expected, actual).enumerated() {
            guard differences.count < listed else { break }
            if let difference = difference(pair.0, pair.1) {
                differences.append("\(what): \(unit) \(index + 1) differs: \(difference)")
            }
        }
        return differences
    }

    private static func difference(_ expected: Item, _ actual: Item) -> String? {
        switch (expected, actual) {
        case (.payload(let expected), .payload(let actual)):
            return expected == actual ? nil : "the bytes are not the same"
        case (.content(let expected), .content(let actual)):
            do {
                let expected = try Envelope(decoding: expected).body
                let actual = try Envelope(decoding: actual).body
                return expected == actual ? nil : "the messages are not the same"
            } catch {
                return "it does not decode: \(error)"
            }
        default:
            return "they are of different kinds"
        }
    }
}
