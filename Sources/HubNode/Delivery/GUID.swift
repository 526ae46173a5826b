import FoundationEssentials

/// A random identifier as .NET writes it: 8-4-4-4-12 lower-case hexadecimal digits.
enum GUID {
    static func random() -> String { UUID().uuidString.lowercased() }
}
