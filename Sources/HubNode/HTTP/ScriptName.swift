/// A name that a script may call, which the answer to JSONP begins with.
enum ScriptName {
    /// As a real node decides, which throws at all others: identifiers with points between them, none a word of the language.
    static func isValid(_ name: String) -> Bool {
        name.unicodeScalars.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(isIdentifier)
    }

    private static func isIdentifier(_ name: String.UnicodeScalarView.SubSequence) -> Bool {
        guard let first = name.first, isLetter(first), !words.contains(String(String.UnicodeScalarView(name))) else {
            return false
        }
        return name.allSatisfy { isLetter($0) || $0.properties.generalCategory == .decimalNumber }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "$", "_": return true
        default: break
        }
        switch scalar.properties.generalCategory {
        // .NET looks at code units: what lies beyond the first 65,536 is no letter to it.
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            return scalar.value <= 0xFFFF
        default: return false
        }
    }

    private static let words: Set<String> = [
        "break", "do", "instanceof", "typeof", "case", "else", "new", "var", "catch", "finally", "return", "void",
        "continue", "for", "switch", "while", "debugger", "function", "this", "with", "default", "if", "throw",
        "delete",
        "in", "try", "class", "enum", "extends", "super", "const", "export", "import", "implements", "let", "private",
        "public", "yield", "interface", "package", "protected", "static", "NaN", "undefined", "Infinity",
    ]
}
