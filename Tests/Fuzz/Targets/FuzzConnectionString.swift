import FuzzSupport
import Redis

/// Addresses of Redis as given by an operator. A password in any position must not appear in a printed error, warning
/// or address.
///
/// Input: text; the bytes 1 and 2 are replaced by a password in one of two notations.
@main
enum FuzzConnectionString {
    private static let password = "s3cr3t-K4n4rie"

    static func main() {
        Fuzzer.run { start, count in
            FuzzConnectionString.check(UnsafeRawBufferPointer(start: start, count: count))
            return 0
        }
    }

    private static func check(_ bytes: UnsafeRawBufferPointer) {
        var planted: [UInt8] = []
        for byte in bytes.prefix(1024) {
            switch byte {
            case 1: planted += "password=\(password)".utf8
            case 2: planted += ":\(password)@".utf8
            default: planted.append(byte)
            }
        }
        let text = String(decoding: planted, as: UTF8.self)
        do throws(ConnectionStringError) {
            let configuration = try RedisConfiguration(connectionString: text)
            Fuzzer.check(!configuration.servers.isEmpty, "no server in '\(text)'")
            Fuzzer.check(
                (1...86_400_000).contains(configuration.connectTimeoutMilliseconds) && configuration.database >= 0,
                "\(configuration) of '\(text)'")
            for warning in configuration.warnings { checkSilent(warning, text) }
            // A path or master with such a name is not a password, and is printed.
            if !isPrinted(configuration) { checkSilent(configuration.endpoint, text) }
            checkAgain(configuration, text)
        } catch {
            checkSilent(error.description, text)
        }
    }

    private static func isPrinted(_ configuration: RedisConfiguration) -> Bool {
        for case .unix(let path) in configuration.servers where holdsPassword(path) { return true }
        return configuration.sentinelMaster.map(holdsPassword) == true
    }

    private static func checkSilent(_ printed: String, _ text: String) {
        Fuzzer.check(!holdsPassword(printed), "'\(text)' makes '\(printed)'")
    }

    /// Ignoring case: host names are lowercased, and a mutated input may contain a copy of the password.
    private static func holdsPassword(_ text: String) -> Bool { text.lowercased().contains("k4n4rie") }

    /// The printed address is an address: parsed again, it names the same servers.
    private static func checkAgain(_ configuration: RedisConfiguration, _ text: String) {
        guard configuration.sentinelMaster == nil else { return }
        // A host that starts with a combining mark would form one character with the slash before it.
        for case .tcp(let host, let port) in configuration.servers where host.utf8.allSatisfy({ $0 < 0x80 }) {
            let endpoint = RedisConfiguration(host: host, port: port).endpoint
            do throws(ConnectionStringError) {
                let again = try RedisConfiguration(connectionString: "redis://\(endpoint)")
                Fuzzer.check(again.servers == [.tcp(host: host, port: port)], "'\(text)' names '\(endpoint)'")
            } catch {
                Fuzzer.fail("'\(text)' names '\(endpoint)', which is refused: \(error)")
            }
        }
    }
}
