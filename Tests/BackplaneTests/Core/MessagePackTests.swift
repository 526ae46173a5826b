import Backplane
import Foundation
import TestSupport
import Testing

@Suite struct MessagePackTests {
    /// `messagepack-python.jsonl`: output of Python's msgpack 1.2.4, and the same values in other widths that it reads.
    @Test func valuesAreEqualToPythons() throws {
        var rows = 0
        for line in try CoreVector.lines("messagepack-python") {
            let row = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
            guard let hex = row["hex"] as? String, let expected = row["value"] as? String else { continue }
            let bytes = unfolded(hex)
            let value = try decoded(bytes)
            #expect(described(value) == (expected.contains("*") ? unfoldedText(expected) : expected), "\(hex)")
            let isSmallest = row["smallest"] as? Bool == true
            #expect((value.encoded() == bytes) == isSmallest, "\(hex)")
            #expect(try decoded(value.encoded()) == value, "\(hex)")
            #expect(try skipped(bytes) == bytes.count, "\(hex)")
            #expect(try oddities(bytes).contains(.longForm) == !isSmallest, "\(hex)")
            rows += 1
        }
        #expect(rows == 165)
    }

    @Test func everyValueCutAtAnyByteIsAnError() throws {
        for line in try CoreVector.lines("messagepack-python") {
            guard
                let hex = (try JSONSerialization.jsonObject(with: line) as? [String: Any])?["hex"] as? String,
                !hex.contains("*6553")
            else { continue }
            let bytes = unfolded(hex)
            for cut in bytes.indices {
                for result in [tree(Array(bytes[..<cut])), skip(Array(bytes[..<cut]))] {
                    guard case .failure(let error) = result else {
                        Issue.record("\(hex) cut at \(cut) decodes")
                        continue
                    }
                    #expect((0...cut).contains(error.offset))
                }
            }
        }
    }

    @Test(
        arguments: [
            ("", CoreError.Reason.truncated, 0), ("c1", .reservedByte, 0), ("91c1", .reservedByte, 1),
            ("a3616", .lengthBeyondPayload, 0), ("dbffffffff61", .lengthBeyondPayload, 0),
            ("c6ffffffff", .lengthBeyondPayload, 0), ("c9ffffffff05", .lengthBeyondPayload, 0),
            ("ddffffffff01", .hugeCount, 0), ("dfffffffff01", .hugeCount, 0), ("93010203", nil, 0),
            ("9301", .hugeCount, 0),
            ("8101", .hugeCount, 0), ("9201dd7fffffffc0", .hugeCount, 2), ("cd00", .truncated, 1),
            ("ca000000", .truncated, 1),
            ("92920101920191", .hugeCount, 6), ("c70201aa", .lengthBeyondPayload, 0), ("d4", .truncated, 1),
        ] as [(String, CoreError.Reason?, Int)])
    func everyLengthIsChecked(hex: String, reason: CoreError.Reason?, offset: Int) {
        let bytes = unfolded(hex.count % 2 == 0 ? hex : String(hex.dropLast()))
        for result in [tree(bytes), skip(bytes)] {
            guard let reason else {
                #expect((try? result.get()) == bytes.count)
                continue
            }
            #expect(result == .failure(CoreError(reason, at: offset)), "\(hex)")
        }
    }

    /// Two counts that fit individually but not together are refused when the second is read.
    @Test func countsTogetherMustFit() {
        #expect(skip([0x93, 0x92, 0x01, 0x01, 0x01]) == .failure(CoreError(.hugeCount, at: 1)))
        #expect(tree([0x93, 0x92, 0x01, 0x01, 0x01]) == .failure(CoreError(.truncated, at: 5)))
    }

    @Test func depthIsLimitedInATreeAndUnlimitedInAWalk() throws {
        for depth in [63, 64, 65, 1_000_000] {
            let arrays = Array(repeating: UInt8(0x91), count: depth) + [0xC0]
            let maps = Array(repeatElement([0x81, 0x01] as [UInt8], count: depth).joined()) + [0xC0]
            for bytes in [arrays, maps] {
                #expect(skip(bytes) == .success(bytes.count))
                let result = tree(bytes)
                if depth <= MessagePackReader.maximumDepth {
                    #expect(result == .success(bytes.count))
                } else {
                    #expect(result == .failure(CoreError(.tooDeep, at: bytes[0] == 0x91 ? 64 : 128)))
                }
            }
        }
    }

    @Test(
        arguments: [
            (0, 0, "1970-01-01T00:00:00Z"), (1_704_164_645, 0, "2024-01-02T03:04:05Z"),
            (951_782_400, 120_000_000, "2000-02-29T00:00:00.12Z"), (-1, 1, "1969-12-31T23:59:59.000000001Z"),
            (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
            (253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999999Z"),
            (253_402_300_800, 0, nil), (-62_135_596_801, 0, nil), (4_107_542_400, 0, "2100-03-01T00:00:00Z"),
            (.max, 0, nil), (.min, 0, nil),
        ] as [(Int64, UInt32, String?)])
    func timesAreReadable(seconds: Int64, nanoseconds: UInt32, text: String?) {
        let time = MessagePackTimestamp(seconds: seconds, nanoseconds: nanoseconds)
        #expect(time.iso8601 == text)
        guard case .ext(type: -1, let data) = MessagePackValue.timestamp(time) else { return #expect(Bool(false)) }
        #expect(data.withUnsafeBytes { MessagePackTimestamp($0) } == time)
    }

    @Test func malformedTimesAreRejected() {
        for data in [[], [1], [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0], Array(repeating: 0xFF, count: 12)] as [[UInt8]] {
            #expect(data.withUnsafeBytes { MessagePackTimestamp($0) } == nil)
        }
    }

    @Test func typedReadsAcceptEveryFormOfTheirType() throws {
        func read<T>(_ hex: String, _ body: (inout MessagePackReader) throws(CoreError) -> T) -> Result<T, CoreError> {
            unfolded(hex).withUnsafeBytes { bytes in
                var reader = MessagePackReader(bytes)
                return Result { () throws(CoreError) in try body(&reader) }
            }
        }
        #expect(read("d90161") { r throws(CoreError) in Array(try r.string()) } == .success([0x61]))
        #expect(read("db0000000161") { r throws(CoreError) in Array(try r.string()) } == .success([0x61]))
        #expect(
            read("c40161") { r throws(CoreError) in Array(try r.string()) } == .failure(CoreError(.wrongType, at: 0)))
        #expect(read("c50001ff") { r throws(CoreError) in Array(try r.binary()) } == .success([0xFF]))
        #expect(read("dc000101") { r throws(CoreError) in try r.arrayCount() } == .success(1))
        #expect(read("df000000010101") { r throws(CoreError) in try r.mapCount() } == .success(1))
        #expect(read("80") { r throws(CoreError) in try r.arrayCount() } == .failure(CoreError(.wrongType, at: 0)))
        #expect(read("d3ffffffffffffffff") { r throws(CoreError) in try r.integer(as: Int8.self) } == .success(-1))
        #expect(
            read("cd0100") { r throws(CoreError) in try r.integer(as: UInt8.self) }
                == .failure(CoreError(.outOfRange, at: 0)))
        #expect(read("cfffffffffffffffff") { r throws(CoreError) in try r.integer(as: UInt64.self) } == .success(.max))
        #expect(
            read("cfffffffffffffffff") { r throws(CoreError) in try r.integer(as: Int64.self) }
                == .failure(CoreError(.outOfRange, at: 0)))
        #expect(
            read("cb3ff0000000000000") { r throws(CoreError) in try r.integer(as: Int.self) }
                == .failure(CoreError(.wrongType, at: 0)))
    }

    @Test func anIntegerOfAGivenWidthIsWrittenLikeDotNet() {
        var writer = MessagePackWriter()
        writer.fixed(Int32(1))
        writer.fixed(Int8(1))
        writer.fixed(UInt64(1))
        #expect(writer.bytes == unfolded("d200000001d001cf0000000000000001"))
    }

    @Test func randomBytesAreAValueOrAnError() async {
        var random = SplitMix64.announced()
        for round in 0..<5_000 {
            if round % 100 == 0 { await Task.yield() }
            let bytes = random.bytes(Int.random(in: 0...40, using: &random))
            let walked = bytes.withUnsafeBytes { raw in
                Result { () throws(CoreError) in
                    var reader = MessagePackReader(raw)
                    try reader.skipValue()
                    return reader.position
                }
            }
            guard case .success(let end) = walked else {
                guard case .failure(let error) = walked else { continue }
                if !(0...bytes.count).contains(error.offset) {
                    Issue.record("\(error) is outside the payload, round \(round)")
                }
                continue
            }
            let part = Array(bytes[..<end])
            guard let value = try? decoded(part) else {
                Issue.record("\(part) can be skipped, but not decoded")
                continue
            }
            if value.encoded().count > part.count { Issue.record("\(part) grew") }
        }
    }

    // MARK: - Helpers

    private func decoded(_ bytes: [UInt8]) throws(CoreError) -> MessagePackValue {
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(CoreError) in try MessagePackValue(decoding: raw) }
        }
        return try result.get()
    }

    private func tree(_ bytes: [UInt8]) -> Result<Int, CoreError> {
        Result { () throws(CoreError) in
            _ = try decoded(bytes)
            return bytes.count
        }
    }

    private func skip(_ bytes: [UInt8]) -> Result<Int, CoreError> {
        Result { () throws(CoreError) in try skipped(bytes) }
    }

    private func skipped(_ bytes: [UInt8]) throws(CoreError) -> Int {
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(CoreError) in
                var reader = MessagePackReader(raw)
                try reader.skipValue()
                return reader.position
            }
        }
        return try result.get()
    }

    private func oddities(_ bytes: [UInt8]) throws -> CoreOddities {
        try bytes.withUnsafeBytes { raw in
            var reader = MessagePackReader(raw)
            try reader.skipValue()
            return reader.oddities
        }
    }

    private func described(_ value: MessagePackValue) -> String {
        switch value {
        case .nil: "nil"
        case .bool(let flag): "bool \(flag)"
        case .int(let number): "int \(number)"
        case .uint(let number): "int \(number)"
        case .float(let number): "float " + hex(number.bitPattern.bigEndian)
        case .double(let number): "double " + hex(number.bitPattern.bigEndian)
        case .string(let text): "string " + hex(text)
        case .binary(let data): "binary " + hex(data)
        case .ext(let type, let data): "ext \(type) " + hex(data)
        case .array(let elements): "[" + elements.map(described).joined(separator: ", ") + "]"
        case .map(let pairs):
            "{" + pairs.map { described($0.key) + ": " + described($0.value) }.joined(separator: ", ") + "}"
        }
    }

    private func hex(_ value: some FixedWidthInteger) -> String { withUnsafeBytes(of: value) { hex(Array($0)) } }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private func unfoldedText(_ text: String) -> String {
        let space = text.lastIndex(of: " ") ?? text.startIndex
        return text[...space] + hex(unfolded(String(text[text.index(after: space)...])))
    }
}

/// Parses hexadecimal digits; `(07*300)` is a byte repeated 300 times.
func unfolded(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = text[...]
    while !rest.isEmpty {
        if rest.first == "(", let star = rest.firstIndex(of: "*"), let end = rest.firstIndex(of: ")") {
            let byte = UInt8(rest[rest.index(after: rest.startIndex)..<star], radix: 16) ?? 0
            bytes += Array(repeating: byte, count: Int(rest[rest.index(after: star)..<end]) ?? 0)
            rest = rest[rest.index(after: end)...]
        } else {
            bytes.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
            rest = rest.dropFirst(2)
        }
    }
    return bytes
}
