import CLinux

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Keeps passwords out of what others on this machine can see of the process.
///
/// On the command line they stood for an instant, and in the shell's history: the environment is the better place.
enum ProcessList {
    /// Overwrites them where `ps` reads arguments and environment, and forbids core dumps, which would hold them too.
    ///
    /// - Parameter variables: names of environment variables that may hold an address with a password.
    static func hideSecrets(variables: some Sequence<String>) {
        _ = clinux_forbid_core_dumps()
        for index in 1..<max(1, Int(CommandLine.argc)) {
            if let argument = CommandLine.unsafeArgv[index] { overwriteSecrets(in: argument) }
        }
        for variable in variables {
            if let value = getenv(variable) { overwriteSecrets(in: value) }
        }
    }

    private static func overwriteSecrets(in text: UnsafeMutablePointer<CChar>) {
        let bytes = UnsafeMutableBufferPointer(start: text, count: strlen(text))
        for range in secrets(in: bytes.map { UInt8(bitPattern: $0) }) {
            for position in range { bytes[position] = CChar(UInt8(ascii: "*")) }
        }
    }

    /// `password=...` up to the next comma, and what stands between `:` and `@` of a URL.
    static func secrets(in argument: [UInt8]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        let lowercased = String(decoding: argument, as: UTF8.self).lowercased()
        let lower = Array(lowercased.utf8)
        guard lower.count == argument.count else { return lower.isEmpty ? [] : [0..<argument.count] }
        let key = Array("password=".utf8)
        var start = 0
        while let found = find(key, in: lower, from: start) {
            let end = lower[(found + key.count)...].firstIndex(of: UInt8(ascii: ",")) ?? lower.count
            ranges.append(found + key.count..<end)
            start = end
        }
        if let scheme = find(Array("://".utf8), in: lower, from: 0),
            let at = lower.lastIndex(of: UInt8(ascii: "@")), at > scheme + 3,
            let colon = lower[(scheme + 3)..<at].firstIndex(of: UInt8(ascii: ":"))
        {
            ranges.append(colon + 1..<at)
        }
        return ranges
    }

    private static func find(_ needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count - start >= needle.count else { return nil }
        return (start...(bytes.count - needle.count)).first { bytes[$0..<($0 + needle.count)].elementsEqual(needle) }
    }
}
