import Foundation
import Logging
import Testing

@testable import backplane_relay

@Suite struct LogFormatTests {
    private static let time: UInt64 = 1_763_848_680_123_456_789

    private func line(_ format: LogFormat, _ message: String, _ metadata: [(key: String, value: String)]) -> String {
        String(
            decoding: format.line(time: Self.time, level: .warning, message: message, metadata: metadata), as: UTF8.self
        )
    }

    @Test func text() {
        #expect(
            line(.text, "gap", [("cause", "connection lost"), ("channel", "chat"), ("empty", ""), ("quote", "a\"b")])
                == "2025-11-22T21:58:00.123456789Z warning gap cause=\"connection lost\" channel=chat empty=\"\" quote=\"a\\\"b\"\n"
        )
    }

    @Test(arguments: ["a\nb", "a\r\nb", "a\u{1B}[31mb", "a\u{0}b"])
    func oneEventIsOneLine(hostile: String) throws {
        for format in LogFormat.allCases {
            let line = line(format, hostile, [("cause", hostile)])
            #expect(line.utf8.count { $0 < 0x20 } == 1, "the line end must be the only control character: \(line)")
        }
    }

    @Test func json() throws {
        let line = line(.json, "say \"hi\"\n", [("channel", "chät"), ("cause", "\\")])
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(
            object == [
                "time": "2025-11-22T21:58:00.123456789Z", "level": "warning", "message": "say \"hi\"\n",
                "channel": "chät", "cause": "\\",
            ])
    }
}
