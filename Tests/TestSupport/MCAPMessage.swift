package import Foundation

/// One message of a capture, read by Python's `mcap` (PyPI), an independent reader.
package struct MCAPMessage: Decodable, Equatable {
    /// Name of the file, without its directory.
    package let file: String
    package let topic: String
    package let sequence: UInt32
    /// Nanoseconds since 1970.
    package let logTime: UInt64
    package let data: Data

    /// The number before the space; nil without one.
    package var id: UInt64? {
        let digits = data.prefix { $0 != UInt8(ascii: " ") }
        return digits.count < data.count ? UInt64(String(decoding: digits, as: UTF8.self)) : nil
    }

    package var isEvent: Bool { topic == "relay.events" }

    /// Reads the files one after another, each in its own order, verifying every checksum.
    ///
    /// - Throws: ``TestFailure`` with Python's error if it cannot read them.
    package static func read(_ files: [String]) async throws -> [MCAPMessage] {
        let read = try await Finished.running(.python, ["-c", script] + files, within: .seconds(120))
        guard read.exit == .code(0) else { throw TestFailure("Python's mcap: \(read.errors)") }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try read.lines.map { try decoder.decode(MCAPMessage.self, from: Data($0.utf8)) }
    }

    private static let script = """
        import base64, json, os, sys
        from mcap.reader import make_reader
        for path in sys.argv[1:]:
            with open(path, "rb") as stream:
                reader = make_reader(stream, validate_crcs=True)
                for _, channel, message in reader.iter_messages(log_time_order=False):
                    print(json.dumps({
                        "file": os.path.basename(path), "topic": channel.topic, "sequence": message.sequence,
                        "log_time": message.log_time, "data": base64.b64encode(message.data).decode(),
                    }))
        """
}
