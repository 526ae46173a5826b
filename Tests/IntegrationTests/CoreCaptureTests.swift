import Backplane
import Capture
import Foundation
import Redis
import TestSupport
import Testing
import Time

/// Captures of ASP.NET Core hubs: read by the product's commands and by Python, and replayed.
@Suite("Captures of ASP.NET Core", .serialized, .needs(.python))
struct CoreCaptureTests {
    private final class Silent: CaptureWriterObserver {
        func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64) {}
        func chunkLeftUncompressed() {}
        func synced(nanoseconds: UInt64) {}
        func segmentOpened(path: String) {}
        func segmentLost(_ loss: SegmentLoss) {}
    }

    /// All vectors in one segment, plus an event key.
    private func record(into directory: String) throws -> [CoreVectors] {
        let vectors = try CoreVectors.all()
        let start = Moment(realtime: 1_795_383_660_000_000_000, monotonic: 5_000_000_000)
        var writer = CaptureWriter(
            configuration: .init(
                directory: directory, backplanes: [.signalR2(key: "chat")] + vectors.map { .core($0.hub) }),
            source: CaptureSource(relayVersion: "1", host: "h", redis: "r:6379"),
            previous: try CaptureDirectory.prepare(directory, at: start) { _ in }, observer: Silent())
        var now = start
        var id: UInt64 = 0
        for (index, setting) in vectors.enumerated() {
            for vector in setting.payloads {
                vector.record.withUnsafeBytes {
                    writer.append(
                        channel: index + 1, id: nil, publishTime: nil, receivedAt: now.realtime, payload: $0, at: now)
                }
                id += 1
                let message = Message(
                    source: "s", key: "h-chatHub", value: Array(#"{"H":"chatHub","M":"say","A":[\#(id)]}"#.utf8))
                let payload = Envelope(
                    id: id, body: ScaleoutMessage(messages: [message], createdTicks: 639_309_800_000_000_000)
                ).encoded()
                payload.withUnsafeBytes {
                    writer.append(
                        channel: 0, id: id, publishTime: nil, receivedAt: now.realtime, payload: $0, at: now)
                }
                now = Moment(realtime: now.realtime + 1_000_000, monotonic: now.monotonic + 1_000_000)
            }
        }
        try writer.close(now)
        return vectors
    }

    private func withCapture(
        _ body: (_ directory: String, _ vectors: [CoreVectors], _ folder: String) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { folder in
            let directory = folder + "/capture"
            try await body(directory, try record(into: directory), folder)
        }
    }

    private func objects(_ finished: Finished) throws -> [[String: Any]] {
        try finished.lines.map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    /// The script given in the schema's text.
    @Test("Python with mcap and msgpack reads each payload in five lines")
    func python() async throws {
        try await withCapture { directory, vectors, folder in
            let file = try #require(try CaptureFiles.paths(in: directory).first)
            let script = """
                import sys, msgpack; from mcap.reader import make_reader
                for schema, channel, message in make_reader(open(sys.argv[1], "rb")).iter_messages():
                    if schema and schema.name == "signalr-core-redis":
                        redis_channel, payload = msgpack.unpackb(message.data)
                        print(redis_channel, payload.hex(), msgpack.unpackb(payload, strict_map_key=False) is not None)
                """
            for line in script.split(separator: "\n").prefix(4) {
                #expect(CoreCapture.schemaText.contains(line), "the schema's text has another script")
            }
            let read = try await Finished.running(.python, ["-c", script, file])
            let expected = vectors.flatMap(\.payloads).map { vector in
                let hex = vector.payload.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
                return "\(String(decoding: vector.channel, as: UTF8.self)) \(hex) True"
            }
            #expect(read.lines == expected, "\(read.errors)")
            let meta = """
                import sys; from mcap.reader import make_reader
                for _, c, m in make_reader(open(sys.argv[1], "rb")).iter_messages():
                    if c.metadata.get("backplane") == "core":
                        print(c.topic, c.message_encoding, c.metadata["prefix"], c.metadata["hub"], m.sequence, m.log_time == m.publish_time)
                """
            let told = try await Finished.running(.python, ["-c", meta, file])
            #expect(told.lines.first == "orcOracleHub msgpack orc OracleHub 1 True", "\(told.errors)")
            #expect(told.lines.last == "my:app:OracleHub msgpack my:app: OracleHub 49 True")
        }
    }

    @Test("pymcap-cli finds no problem", .needs(.pymcap))
    func doctor() async throws {
        try await withCapture { directory, _, _ in
            let file = try #require(try CaptureFiles.paths(in: directory).first)
            let doctor = try await Finished.running(.pymcap, ["doctor", file])
            #expect(doctor.exit == .code(0), "\(doctor.output) \(doctor.errors)")
            let schemas = try await Finished.running(.pymcap, ["list", "schemas", file])
            #expect(schemas.output.contains("signalr-core-redis"), "\(schemas.output) \(schemas.errors)")
        }
    }

    @Test("cat: lines, objects and filters of both backplanes")
    func cat() async throws {
        try await withCapture { directory, vectors, _ in
            let all = try objects(try await Finished.relay(["cat", directory, "--json"]))
            #expect(all.count == 294)
            #expect(all.filter { $0["id"] == nil }.count == 147)
            let channel = ["--channel", "orcOracleHub"]
            let lines = try await Finished.relay(["cat", directory, "--limit", "1", "--values"] + channel)
            #expect(lines.exit == .code(0), "\(lines.errors)")
            #expect(
                lines.lines == [
                    #"2026-11-22T21:41:00.000000000Z      -  all                  99 B  OracleHub.Recv("hello all")"#
                ])
            for (arguments, count) in [
                (["--kind", "group_command"], 15), (["--kind", "all"], 18), (["--hub", "OracleHub"], 147),
                (["--hub", "chatHub"], 147), (["--kind", "ack"] + channel, 4),
            ] {
                let read = try await Finished.relay(["cat", directory, "--json"] + arguments)
                #expect(read.lines.count == count, "\(arguments): \(read.errors)")
            }
            let refused = try await Finished.relay(["cat", directory, "--from-id", "3"] + channel)
            #expect(refused.exit == .code(64) && refused.errors.contains("have no ids"), "\(refused.errors)")
            let mixed = try await Finished.relay(["cat", directory, "--from-id", "140", "--json"])
            #expect(mixed.lines.count == 8)
        }
    }

    @Test("info and verify say why completeness is unknown")
    func info() async throws {
        try await withCapture { directory, _, _ in
            let info = try await Finished.relay(["info", directory])
            #expect(info.exit == .code(0), "\(info.errors)")
            #expect(info.output.contains("orcOracleHub (ASP.NET Core, prefix orc)"))
            #expect(info.output.contains("none: completeness is unknown: this wire has no ids"))
            #expect(
                info.output.contains("complete: ids 1..147, 0 missing") || info.output.contains("ids 1..147, 0 missing")
            )
            let json = try await Finished.relay(["info", "--json", directory])
            let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
            #expect(object?["complete"] is NSNull)
            let verify = try await Finished.relay(["verify", directory])
            #expect(verify.exit == .code(0) && verify.output.contains("this wire has no ids"))
        }
    }

    @Test("csv and sqlite: one query for both backplanes")
    func tables() async throws {
        try await withCapture { directory, vectors, folder in
            let database = folder + "/capture.db"
            let export = try await Finished.relay(["export", directory, "--format", "sqlite", "-o", database])
            #expect(export.exit == .code(0), "\(export.errors)")
            let script = """
                import sqlite3, sys
                db = sqlite3.connect(sys.argv[1])
                print(*db.execute("SELECT count(*), count(id), count(created_ns), count(redis_channel), count(error) FROM envelopes").fetchone())
                for row in db.execute("SELECT kind, count(*) FROM calls WHERE redis_channel IS NOT NULL GROUP BY 1 ORDER BY 1"): print(*row)
                print(*db.execute("SELECT value, target IS NULL, id IS NULL FROM calls WHERE method = 'Recv' AND channel = 'orcOracleHub' LIMIT 1").fetchone())
                for row in db.execute("SELECT hex(payload) FROM envelopes WHERE channel = 'OracleHub'"): print(row[0])
                """
            let read = try await Finished.running(.python, ["-c", script, database])
            let payloads = vectors[1].payloads.map { vector in
                vector.payload.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
            }
            #expect(
                read.lines == [
                    "294 147 147 147 0", "ack 12", "all 18", "connection 45", "group 21", "group_command 15",
                    "result 27", "user 9", #"["hello all"] 1 1"#,
                ] + payloads, "\(read.errors)")
            let rows = folder + "/rows.csv"
            let csv = try await Finished.relay(["export", directory, "--format", "csv", "-o", rows])
            #expect(csv.exit == .code(0), "\(csv.errors)")
            let counted = try await Finished.running(
                .python,
                [
                    "-c",
                    """
                    import csv, sys
                    rows = list(csv.DictReader(open(sys.argv[1], newline="")))
                    core = [row for row in rows if row["redis_channel"]]
                    print(len(rows), len(core), sum(row["id"] == "" for row in core), sum(row["kind"] == "group" and row["target"] != "" for row in core))
                    """, rows,
                ])
            #expect(counted.lines == ["294 147 147 21"], "\(counted.errors)")
        }
    }

    @Test("resp: redis-cli publishes each payload on its channel", .needs(.redisServer, .redisCLI))
    func resp() async throws {
        try await withCapture { directory, vectors, folder in
            let file = folder + "/commands"
            let export = try await Finished.relay(
                ["export", directory, "--format", "resp", "--channel", "OracleHub", "-o", file])
            #expect(export.exit == .code(0), "\(export.errors)")
            let text = try Data(contentsOf: URL(filePath: file))
            var expected = Data()
            for vector in vectors[1].payloads {
                expected += Data("*3\r\n$7\r\nPUBLISH\r\n$\(vector.channel.count)\r\n".utf8) + Data(vector.channel)
                expected += Data("\r\n$\(vector.payload.count)\r\n".utf8) + Data(vector.payload) + Data("\r\n".utf8)
            }
            #expect(text.suffix(expected.count) == expected)
            try await RedisServer.with { target in
                let cli = try Tool.redisCLI.requiredPath()
                let pipe = try await Finished.running(
                    "/bin/sh", ["-c", "exec '\(cli)' -p \(target.port) --pipe < '\(file)'"])
                #expect(pipe.output.contains("errors: 0"), "\(pipe.output)")
            }
        }
    }

    @Test("merge and diff refuse hubs, which have no ids, and continue with event keys")
    func merge() async throws {
        try await withCapture { directory, _, folder in
            let other = folder + "/other"
            _ = try record(into: other)
            for command in [["merge", directory, other, "-o", folder + "/both"], ["diff", directory, other]] {
                let refused = try await Finished.relay(command)
                #expect(refused.exit == .code(1) && refused.errors.contains("have no ids"), "\(refused.errors)")
                let chat = try await Finished.relay(command + ["--channel", "chat"])
                #expect(chat.exit == .code(0), "\(chat.errors)")
            }
        }
    }
}
