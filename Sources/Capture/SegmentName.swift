import Time

/// The file name of a segment: `<sanitized channel>-<UTC start>.mcap`.
package enum SegmentName {
    /// Of every segment; the dot is included.
    package static let fileExtension = ".mcap"

    /// - Parameter channels: the recorded Redis channels; the file is named after the first, `+2` means two more.
    package static func make(channels: [String], start: UInt64) -> String {
        let more = channels.count > 1 ? "+\(channels.count - 1)" : ""
        return safe(channels.first ?? "capture") + more + "-" + UTCTime.fileStamp(start) + fileExtension
    }

    /// Keeps ASCII letters, digits, `.`, `_` and `-`, replaces the rest by `_`; never hidden, at most 100 characters.
    static func safe(_ channel: String) -> String {
        var name = ""
        for scalar in channel.unicodeScalars.prefix(100) {
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", "_", "-": name.unicodeScalars.append(scalar)
            case "." where !name.isEmpty: name.unicodeScalars.append(scalar)
            default: name.append("_")
            }
        }
        return name.isEmpty ? "_" : name
    }
}
