import TestSupport
import Testing

@testable import Redis

/// ``ChannelGlob`` matches as Redis does.
@Suite struct ChannelGlobTests {
    private func matches(_ pattern: [UInt8], _ name: [UInt8]) -> Bool {
        name.withUnsafeBytes { ChannelGlob(pattern).matches($0) }
    }

    @Test(arguments: [
        ("chat", "chat", true), ("chat", "chat2", false), ("chat", "cha", false), ("*", "", true), ("*", "x", true),
        ("", "", true), ("", "x", false), ("a*", "a", true), ("a**", "abc", true), ("a*c", "abc", true),
        ("a*c", "abcd", false), ("a*b*c", "axbxbxc", true), ("?", "x", true), ("?", "", false), ("a?c", "abc", true),
        ("[ab]", "a", true), ("[ab]", "c", false), ("[^ab]", "c", true), ("[^ab]", "a", false), ("[a-c]x", "bx", true),
        ("[c-a]x", "bx", true), ("[a-c]x", "dx", false), ("[\\]]", "]", true), ("\\*", "*", true), ("\\*", "x", false),
        ("a\\?b*", "a?bc", true), ("a\\?b*", "axbc", false), ("[ab", "a", true), ("[]", "a", false), ("\\", "\\", true),
        ("*a", "aaa", true), ("*ab", "aab", true),
    ])
    func table(pattern: String, name: String, isMatch: Bool) {
        #expect(matches(Array(pattern.utf8), Array(name.utf8)) == isMatch)
    }

    /// Compares with a direct translation of the definition.
    @Test(arguments: 1...10 as ClosedRange<UInt64>) func `random patterns`(seed: UInt64) {
        func reference(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
            guard let first = pattern.first else { return name.isEmpty }
            if first == UInt8(ascii: "*") {
                return reference(pattern.dropFirst(), name) || !name.isEmpty && reference(pattern, name.dropFirst())
            }
            guard let byte = name.first, first == UInt8(ascii: "?") || first == byte else { return false }
            return reference(pattern.dropFirst(), name.dropFirst())
        }
        var random = SplitMix64(seed: seed)
        for _ in 0..<2_000 {
            let pattern = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                Array("ab*?".utf8)[Int.random(in: 0..<4, using: &random)]
            }
            let name = (0..<Int.random(in: 0...10, using: &random)).map { _ in
                Array("ab".utf8)[Int.random(in: 0..<2, using: &random)]
            }
            let same = matches(pattern, name) == reference(pattern[...], name[...])
            #expect(same, "\(String(decoding: pattern, as: UTF8.self)) \(String(decoding: name, as: UTF8.self))")
        }
    }
}
