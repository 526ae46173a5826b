import CLinux
import Redis

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
        for range in AddressSecrets.ranges(in: bytes.map { UInt8(bitPattern: $0) }) {
            for position in range { bytes[position] = CChar(UInt8(ascii: "*")) }
        }
    }
}
