import Capture
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why a PEM file is unusable, as text without its contents.
enum PEMFile {
    enum Wanted {
        case certificate
        case key
    }

    /// - Returns: nil if it looks right.
    static func objection(to path: String, as wanted: Wanted) -> String? {
        if let objection = unreadable(path) { return objection }
        guard let content = try? Data(contentsOf: URL(filePath: path)) else { return "it cannot be read" }
        let text = String(decoding: content.prefix(1 << 20), as: UTF8.self)
        let hasCertificate = text.contains("-----BEGIN CERTIFICATE-----")
        let hasKey = text.contains("PRIVATE KEY-----")
        switch wanted {
        case .certificate where hasCertificate, .key where hasKey && !isEncrypted(text): return nil
        case .certificate where hasKey: return "it contains a key but no certificate; are the two files swapped?"
        case .certificate: return "it contains no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        case .key where hasKey:
            return
                "the key has a passphrase, which is not supported; remove it: openssl pkey -in KEY -out NEWKEY"
        case .key where hasCertificate: return "it contains a certificate but no key; are the two files swapped?"
        case .key: return "it contains no private key in PEM form (-----BEGIN PRIVATE KEY-----)"
        }
    }

    /// - Returns: nil if the file can be read.
    static func unreadable(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return errno == ENOENT ? "there is no such file" : SystemReason.text(errno)
        }
        if status.st_mode & S_IFMT == S_IFDIR { return SystemReason.text(EISDIR) }
        return access(path, R_OK) == 0 ? nil : "this user may not read it; grant read permission (chgrp, chmod g+r)"
    }

    private static func isEncrypted(_ text: String) -> Bool {
        text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
    }
}
