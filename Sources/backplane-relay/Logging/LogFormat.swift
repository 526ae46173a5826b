import ArgumentParser
import Backplane
import Capture
import JSON
import Logging
import Time

/// The format of log lines.
enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    /// `2026-11-22T21:58:00.123456789Z warning subscription lost, reconnecting cause="..." redis=127.0.0.1:6379`
    case text
    /// One JSON object per line: `time`, `level`, `message`, and the metadata as further members, all strings.
    case json

    /// - Parameters:
    ///   - time: nanoseconds since 1970.
    ///   - metadata: sorted by the caller.
    func line(
        time: UInt64, level: Logger.Level, message: String, metadata: [(key: String, value: String)]
    ) -> [UInt8] {
        switch self {
        case .text: Self.text(time: time, level: level, message: message, metadata: metadata)
        case .json: Self.json(time: time, level: level, message: message, metadata: metadata)
        }
    }

    private static func text(
        time: UInt64, level: Logger.Level, message: String, metadata: [(key: String, value: String)]
    ) -> [UInt8] {
        var line: [UInt8] = []
        UTCTime.appendRFC3339(time, to: &line)
        line.append(UInt8(ascii: " "))
        line.append(contentsOf: level.rawValue.utf8)
        line.append(UInt8(ascii: " "))
        // One event must be one line, whatever text a server sent.
        for scalar in message.unicodeScalars {
            line.append(contentsOf: UTF8.encode(PrintableText.steers(scalar) ? " " : scalar) ?? .init())
        }
        for (key, value) in metadata {
            line.append(UInt8(ascii: " "))
            line.append(contentsOf: key.utf8)
            line.append(UInt8(ascii: "="))
            if value.unicodeScalars.allSatisfy({ $0 != " " && $0 != "\"" && !PrintableText.steers($0) }), !value.isEmpty
            {
                line.append(contentsOf: value.utf8)
            } else {
                append(quoted: value, to: &line)
            }
        }
        line.append(UInt8(ascii: "\n"))
        return line
    }

    private static func json(
        time: UInt64, level: Logger.Level, message: String, metadata: [(key: String, value: String)]
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.raw("{")
        writer.member("time", UTCTime.rfc3339(time))
        writer.member("level", level.rawValue)
        writer.member("message", message)
        for (key, value) in metadata { writer.member(key, value) }
        writer.raw("}")
        return Array(PrintableText.json(String(decoding: writer.bytes, as: UTF8.self)).utf8) + [UInt8(ascii: "\n")]
    }

    private static func append(quoted text: String, to line: inout [UInt8]) {
        var writer = JSONWriter()
        writer.string(text)
        line.append(contentsOf: PrintableText.json(String(decoding: writer.bytes, as: UTF8.self)).utf8)
    }
}
