import Cryptography
import FoundationEssentials
import NIOConcurrencyHelpers

/// The bearer token required from HTTP clients of the relay, read from a file.
package final class WebToken: Sendable {
    /// Shorter ones can be guessed.
    static let minimumBytes = 16

    private let path: String
    /// Only its hash is kept.
    private let digest: NIOLockedValueBox<Digest>

    /// - Throws: ``RelayError`` if the file cannot be read or its content is too short.
    package init(file path: String) throws {
        self.path = path
        digest = NIOLockedValueBox(try Self.digest(ofFile: path))
    }

    /// Reloads the file; after a failure the old token stays valid.
    ///
    /// - Throws: ``RelayError``.
    func reload() throws {
        let new = try Self.digest(ofFile: path)
        digest.withLockedValue { $0 = new }
    }

    /// Changes with the token, and reveals nothing about it.
    var fingerprint: Digest { digest.withLockedValue { $0 } }

    /// Constant time: compares digests.
    func matches(_ candidate: [UInt8]) -> Bool {
        digest.withLockedValue { $0 } == SHA256.hash(candidate)
    }

    private static func digest(ofFile path: String) throws -> Digest {
        let content: Data
        do {
            content = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw RelayError.badWebToken(
                path: path, reason: "cannot be read: \(PEMFile.unreadable(path) ?? "the disk fails")")
        }
        let blanks = Set(" \t\r\n".utf8)
        guard let first = content.firstIndex(where: { !blanks.contains($0) }),
            let last = content.lastIndex(where: { !blanks.contains($0) }), last - first + 1 >= minimumBytes
        else {
            throw RelayError.badWebToken(path: path, reason: "holds fewer than \(minimumBytes) characters")
        }
        return SHA256.hash(Array(content[first...last]))
    }
}
