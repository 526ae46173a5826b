import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the kernel's number for a failed file operation means, and what to do about it.
package enum SystemReason {
    /// - Returns: as a sentence goes on behind a colon.
    package static func text(_ code: Int32) -> String {
        switch code {
        case ENOENT: "a directory of this path does not exist; make it, or name another place"
        case ENOTDIR: "a part of this path is a file, not a directory; name another place"
        case EISDIR: "it is a directory; name a file"
        case EACCES, EPERM: "permission denied; this user needs read, write and search permission there"
        case ENOSPC: "no space is left on the disk; free space, or name another disk"
        case EDQUOT: "the disk quota of this user is used up; free space, or name another disk"
        case EFBIG: "it would become larger than a file may be here; see ulimit -f"
        case EROFS: "the file system is mounted read-only; name another place"
        case EIO: "the disk reports an error; the kernel's log (dmesg) may say more"
        case EMFILE, ENFILE: "too many files are open; raise the limit (ulimit -n, LimitNOFILE)"
        case ENAMETOOLONG: "the name is too long; name another one"
        case ELOOP: "symbolic links lead round in a circle there, or a link stands where none is followed"
        case ETXTBSY: "a program that runs is in it; name another file"
        case ENXIO, ENODEV: "there is no such device"
        default: words(code)
        }
    }

    /// The kernel's words, as a sentence goes on.
    private static func words(_ code: Int32) -> String {
        let words = Errno(rawValue: code).description
        return words.prefix(1).lowercased() + words.dropFirst()
    }
}
