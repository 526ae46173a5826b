import Time

/// The file name of a segment: `<channel, made safe>-<UTC start>.mcap`.
package enum SegmentName {
    /// Of every segment; the dot is included.
    package static let fileExtension = ".mcap"

    /// - Parameter channels: the recorded Redis channels; the first names the file, `+2` says that there are two more.
    package static func make(channels: [String], start: UInt64) -> String {
        let more = channels.count > 1 ? "+\(channels.count - 1)" : ""
        return safe(channels.first ?? "capture") + more + "-" + UTCTime.fileStamp(start) + fileExtension
    }

    /// ASCII letters, digits, `.`, `_` and `-` stay, all else becomes `_`; never hidden, never longer than 100.
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
