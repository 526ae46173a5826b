import CLinux
import Redis

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Hides passwords from other users of this machine.
///
/// On the command line they are visible briefly, and stay in the shell's history: use the environment instead.
enum ProcessList {
    /// Overwrites them where `ps` reads arguments and environment, and disables core dumps, which would contain them
    /// too.
    ///
    /// - Parameter variables: names of environment variables that may contain an address with a password.
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
