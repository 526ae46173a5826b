/// Finds the selectors of a PromQL expression. Does not check the syntax, which promtool does.
struct PromQLScan {
    struct Selector: Equatable {
        /// Nil if the selector consists of matchers only.
        var metric: String?
        /// As written: `job=~"$job"`.
        var matchers: [String] = []
        /// The text in the square brackets after it.
        var range: String?
        /// The function whose argument it is.
        var function: String?
    }

    private(set) var selectors: [Selector] = []

    private static let words: Set = [
        "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "and", "or", "unless", "offset", "inf",
        "nan", "atan2",
    ]
    private static let beforeLabels: Set = ["by", "without", "on", "ignoring", "group_left", "group_right"]

    private var rest: Substring
    private var calls: [String?] = []

    init(_ expression: String) {
        rest = expression[...]
        scan()
    }

    private mutating func scan() {
        while let character = rest.first {
            if character.isLetter || character == "_" || character == ":" {
                word(take { $0.isLetter || $0.isNumber || $0 == "_" || $0 == ":" })
            } else if character.isNumber {
                _ = take { $0.isLetter || $0.isNumber || $0 == "." }
            } else {
                punctuation(character)
            }
        }
    }

    private mutating func punctuation(_ character: Character) {
        switch character {
        case "{": select(nil)
        case "(":
            calls.append(nil)
            rest.removeFirst()
        case ")":
            _ = calls.popLast()
            rest.removeFirst()
        // Brackets of a subquery; those of a selector are consumed with it.
        case "[": _ = bracketed()
        case "\"", "'": _ = quoted()
        default: rest.removeFirst()
        }
    }

    private mutating func word(_ word: String) {
        skipSpace()
        if Self.words.contains(word.lowercased()) {
            if Self.beforeLabels.contains(word), rest.first == "(" { skipLabels() }
        } else if rest.first == "(" {
            rest.removeFirst()
            calls.append(word)
        } else if rest.hasPrefix("by") || rest.hasPrefix("without") {
            // `sum by (channel) (`: skip the labels, the call follows them.
            _ = take { $0.isLetter }
            skipSpace()
            skipLabels()
            skipSpace()
            if rest.first == "(" {
                rest.removeFirst()
                calls.append(word)
            }
        } else {
            select(word)
        }
    }

    private mutating func select(_ metric: String?) {
        var selector = Selector(metric: metric, function: calls.last ?? nil)
        if rest.first == "{" {
            rest.removeFirst()
            selector.matchers = matchers()
        }
        skipSpace()
        if rest.first == "[" { selector.range = bracketed() }
        selectors.append(selector)
    }

    private mutating func matchers() -> [String] {
        var found: [String] = []
        var current = ""
        while let character = rest.first, character != "}" {
            if character == "\"" || character == "'" {
                current += quoted()
            } else {
                rest.removeFirst()
                if character == "," {
                    found.append(current)
                    current = ""
                } else if !character.isWhitespace {
                    current.append(character)
                }
            }
        }
        if !rest.isEmpty { rest.removeFirst() }
        return current.isEmpty ? found : found + [current]
    }

    private mutating func quoted() -> String {
        let quote = rest.removeFirst()
        var text = String(quote)
        while let character = rest.popFirst() {
            text.append(character)
            if character == "\\", let escaped = rest.popFirst() {
                text.append(escaped)
            } else if character == quote {
                break
            }
        }
        return text
    }

    private mutating func bracketed() -> String {
        rest.removeFirst()
        let text = take { $0 != "]" }
        if !rest.isEmpty { rest.removeFirst() }
        return text
    }

    private mutating func skipLabels() {
        _ = take { $0 != ")" }
        if !rest.isEmpty { rest.removeFirst() }
    }

    private mutating func skipSpace() {
        _ = take { $0.isWhitespace }
    }

    private mutating func take(while condition: (Character) -> Bool) -> String {
        let taken = rest.prefix(while: condition)
        rest = rest[taken.endIndex...]
        return String(taken)
    }
}
