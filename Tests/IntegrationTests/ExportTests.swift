import Foundation
import Redis
import TestSupport
import Testing

/// A capture in other formats, read by other programs.
@Suite("Export", .serialized, .needs(.redisServer, .redisCLI, .python))
struct ExportTests {
    @Test("resp: redis-cli --pipe publishes the same blobs in the same order")
    func resp() async throws {
        try await withCapture { directory, payloads, folder in
            let file = folder + "/commands"
            let export = try await Finished.relay(["export", directory, "--format", "resp", "-o", file])
            #expect(export.exit == .code(0), "\(export.errors)")
            try await RedisServer.with { target in
                let heard = folder + "/heard"
                let listening = ["--redis", target.url, "--channel", SmallCapture.channel, "--record", heard]
                try await RelayProcess.with(listening) { relay in
                    let cli = try Tool.redisCLI.requiredPath()
                    let pipe = try await Finished.running(
                        "/bin/sh", ["-c", "exec '\(cli)' -p \(target.port) --pipe < '\(file)'"])
                    #expect(pipe.output.contains("errors: 0, replies: \(payloads.count + 1)"), "\(pipe.output)")
                    try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: payloads.count)
                    #expect(try await relay.stop() == .code(0))
                }
                let received = try await MCAPMessage.read(CaptureFiles.paths(in: heard)).filter { !$0.isEvent }
                #expect(received.map(\.id) == (1...UInt64(payloads.count)).map { $0 })
                #expect(received.map { SmallCapture.blob(of: $0.data) } == payloads.map { SmallCapture.blob(of: $0) })
            }
        }
    }

    @Test("csv: Python reads one row per message; the filters of cat select")
    func csv() async throws {
        try await withCapture { directory, payloads, folder in
            let file = folder + "/rows.csv"
            let export = try await Finished.relay(
                ["export", directory, "--format", "csv", "-o", file, "--from-id", "11", "--until-id", "30"])
            #expect(export.exit == .code(0), "\(export.errors)")
            let read = try await Finished.running(
                .python,
                [
                    "-c",
                    "import csv, sys\nfor row in csv.DictReader(open(sys.argv[1], newline='')): print(row['id'], row['hub'], row['method'])",
                    file,
                ])
            #expect(read.lines == (11...30).map { "\($0) chatHub broadcastMessage" }, "\(read.errors)")
            #expect(FileManager.default.fileExists(atPath: file + ".part") == false)
        }
    }

    @Test("jsonl equals the output of cat --json")
    func jsonl() async throws {
        try await withCapture { directory, _, _ in
            let export = try await Finished.relay(["export", directory, "--format", "jsonl"])
            let cat = try await Finished.relay(["cat", directory, "--json"])
            #expect(export.exit == .code(0))
            #expect(!export.output.isEmpty && export.output == cat.output)
        }
    }

    @Test("sqlite: another program counts calls, finds an id, reads a payload unchanged")
    func sqlite() async throws {
        try await withCapture { directory, payloads, folder in
            let file = folder + "/capture.db"
            let export = try await Finished.relay(["export", directory, "--format", "sqlite", "-o", file])
            #expect(export.exit == .code(0), "\(export.errors)")
            #expect(export.errors.contains("\(payloads.count) envelopes"))
            let script = """
                import sqlite3, sys
                db = sqlite3.connect(sys.argv[1])
                print(db.execute('PRAGMA integrity_check').fetchone()[0])
                for row in db.execute('SELECT hub, method, count(*) FROM calls GROUP BY 1, 2'): print(*row)
                for row in db.execute('SELECT hex(payload) FROM envelopes ORDER BY id'): print(row[0])
                print(db.execute("SELECT count(*) FROM events WHERE event = 'subscribed'").fetchone()[0])
                for row in db.execute("EXPLAIN QUERY PLAN SELECT * FROM envelopes WHERE channel = 'x' AND id = 7"): print(row[3])
                bad = db.execute("SELECT count(*) FROM envelopes WHERE received_at NOT LIKE '20__-__-__T%Z' OR created_at IS NULL")
                print(bad.fetchone()[0])
                """
            let read = try await Finished.running(.python, ["-c", script, file])
            let hex = payloads.map { payload in payload.map { String(format: "%02X", $0) }.joined() }
            #expect(
                read.lines == ["ok", "chatHub broadcastMessage \(payloads.count)"] + hex + [
                    "1", "SEARCH envelopes USING INDEX envelopes_id (channel=? AND id=?)", "0",
                ], "\(read.errors)")
            #expect(FileManager.default.fileExists(atPath: file + ".part") == false)
            #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
            let stream = try await Finished.relay(["export", directory, "--format", "sqlite"])
            #expect(stream.exit == .code(64) && stream.errors.contains("-o FILE"))
            let relay = try RelayProcess.path()
            // The disk fills up during the export: an error that names the file, and no file left.
            let full = try await Finished.running(
                "/bin/sh",
                [
                    "-c",
                    "ulimit -f 8; trap '' XFSZ; exec '\(relay)' export '\(directory)' --format sqlite -o '\(folder)/full.db'",
                ])
            #expect(full.exit == .code(1) && full.errors.contains("full.db"), "\(full.errors)")
            let left = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(left.allSatisfy { !$0.hasPrefix("full") })
        }
    }

    @Test("an existing file stays unchanged; an incomplete one is removed")
    func files() async throws {
        try await withCapture { directory, _, folder in
            let file = folder + "/out"
            try "mine".write(toFile: file, atomically: false, encoding: .utf8)
            let refused = try await Finished.relay(["export", directory, "--format", "csv", "-o", file])
            #expect(refused.exit != .code(0))
            #expect(refused.errors.contains("--force"))
            #expect(try String(contentsOfFile: file, encoding: .utf8) == "mine")
            let replaced = try await Finished.relay(["export", directory, "--format", "csv", "-o", file, "--force"])
            #expect(replaced.exit == .code(0), "\(replaced.errors)")
            let full = try await Finished.relay(["export", directory, "--format", "csv", "-o", "/dev/full/x"])
            #expect(full.exit != .code(0))
        }
    }

    private func withCapture(
        _ body: (_ directory: String, _ payloads: [[UInt8]], _ folder: String) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { folder in
            let directory = folder + "/capture"
            let payloads = try await RedisServer.with { source in
                try await SmallCapture.record(from: source, into: directory)
            }
            try await body(directory, payloads, folder)
        }
    }
}
