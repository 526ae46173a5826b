/// A shell command that archives a closed segment: `cp %p /archive/%f`.
///
/// `%p` is replaced by the path, `%f` by the file name, `%%` by a percent sign. Replacements are quoted as one word for
/// the shell, even within quotation marks of the template.
package struct ArchiveCommand: Sendable, Equatable {
    /// A `%` that is not a placeholder.
    package struct UnknownPlaceholder: Error, CustomStringConvertible {
        /// The percent sign and the character after it, as in the template.
        package let placeholder: String

        package var description: String {
            "'\(placeholder)' is not a placeholder: %p is the path, %f the file name, %% a percent sign"
        }
    }

    private enum Part: Equatable {
        case text(String)
        case path(Quoting)
        case name(Quoting)
    }

    private enum Quoting { case none, single, double }

    private var parts: [Part] = []

    /// - Throws: ``UnknownPlaceholder``.
    package init(_ template: String) throws(UnknownPlaceholder) {
        var quoting = Quoting.none
        var text = ""
        var isEscaped = false
        var characters = template.makeIterator()
        while let character = characters.next() {
            if character == "%" {
                let next = characters.next()
                switch next {
                case "%": text.append("%")
                case "p", "f":
                    parts.append(.text(text))
                    text = ""
                    parts.append(next == "p" ? .path(quoting) : .name(quoting))
                default: throw UnknownPlaceholder(placeholder: "%" + (next.map { String($0) } ?? ""))
                }
                isEscaped = false
                continue
            }
            text.append(character)
            if isEscaped {
                isEscaped = false
                continue
            }
            switch (character, quoting) {
            case ("\\", .none), ("\\", .double): isEscaped = true
            case ("'", .none): quoting = .single
            case ("'", .single): quoting = .none
            case ("\"", .none): quoting = .double
            case ("\"", .double): quoting = .none
            default: break
            }
        }
        parts.append(.text(text))
    }

    /// The argument of `/bin/sh -c` for a segment.
    package func expanded(path: String, name: String) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .path(let quoting): Self.quoted(path, quoting)
            case .name(let quoting): Self.quoted(name, quoting)
            }
        }.joined()
    }

    private static func quoted(_ value: String, _ quoting: Quoting) -> String {
        if !value.isEmpty, value.utf8.allSatisfy(isPlain) { return value }
        let inSingle = value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
        switch quoting {
        case .none: return "'\(inSingle)'"
        case .single: return inSingle
        case .double:
            var escaped = ""
            for character in value {
                if "\\\"$`".contains(character) { escaped.append("\\") }
                escaped.append(character)
            }
            return escaped
        }
    }

    /// Has no special meaning in a shell.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: ","):
            true
        default: false
        }
    }
}
