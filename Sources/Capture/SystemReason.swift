import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The meaning of an errno of a file operation, and the remedy.
package enum SystemReason {
    /// - Returns: text to follow a colon.
    package static func text(_ code: Int32) -> String {
        switch code {
        case ENOENT: "a directory in this path does not exist; create it, or name another place"
        case ENOTDIR: "a part of this path is a file, not a directory; name another place"
        case EISDIR: "it is a directory; name a file"
        case EACCES, EPERM: "permission denied; this user needs read, write and search permission there"
        case ENOSPC: "no space left on the disk; free space, or name another disk"
        case EDQUOT: "the disk quota of this user is used up; free space, or name another disk"
        case EFBIG: "the file would exceed the size limit; see ulimit -f"
        case EROFS: "the file system is mounted read-only; name another place"
        case EIO: "the disk reports an error; the kernel's log (dmesg) may say more"
        case EMFILE, ENFILE: "too many files are open; raise the limit (ulimit -n, LimitNOFILE)"
        case ENAMETOOLONG: "the name is too long; name another one"
        case ELOOP: "symbolic links form a loop, or a link is in a place where links are not followed"
        case ETXTBSY: "it is a running program; name another file"
        case ENXIO, ENODEV: "there is no such device"
        default: words(code)
        }
    }

    /// The system's text, to follow a colon.
    private static func words(_ code: Int32) -> String {
        let words = Errno(rawValue: code).description
        return words.prefix(1).lowercased() + words.dropFirst()
    }
}
