import Backplane
import Cryptography
import Foundation
import Relay
import TestSupport
import Testing

/// `erase`: rewrites captures without the data of one person.
@Suite("Erase", .serialized, .needs(.python))
struct EraseTests {
    private typealias Item = CoreCaptures.Item

    private static let user = "canary-user"
    private static let connection = "canary-conn"
    private static let hub = CoreHub(prefix: "p:", type: "Chat.ChatHub")
    /// Reports for each given text whether a capture contains it, including names and metadata, and what was erased.
    private static let reading = """
        import sys; from mcap.reader import make_reader
        texts, paths = sys.argv[1].split(","), sys.argv[2:]
        hits = {text: 0 for text in texts}
        for path in paths:
            raw = open(path, "rb").read()
            reader = make_reader(open(path, "rb"), validate_crcs=True)
            pieces = [raw] + [m.data for _, c, m in reader.iter_messages()]
            pieces += [c.topic.encode() for _, c, m in reader.iter_messages()]
            records = list(reader.iter_metadata())
            pieces += [repr(record.metadata).encode() for record in records]
            for text in texts: hits[text] += sum(text.lower().encode() in piece.lower() for piece in pieces)
        print(*(hits[text] for text in texts))
        for record in records:
            if record.name == "capture.erased": print(record.metadata["removed"], record.metadata["changed"])
            if record.name == "capture.end": print(record.metadata["envelopes"])
        """

    private static func core(_ kind: CoreKind, _ name: String = "", _ payload: [UInt8]) -> Item {
        .core(hub, channel: hub.channel(kind, Array(name.utf8)), payload: payload)
    }

    private static func command(_ id: UInt64, _ connection: String) -> Item {
        let command = Command(waitForAck: true, id: "cmd\(id)", type: .addToGroup, value: "hg-chatHub.g")
        return .signalR2(
            CoreCaptures.signalR2(
                id, key: "c-" + connection, commandID: "cmd\(id)",
                value: String(decoding: command.encoded(), as: UTF8.self)))
    }

    private static func ack(_ id: UInt64, of command: UInt64) -> Item {
        .signalR2(
            CoreCaptures.signalR2(
                id, key: "__SIGNALR__SERVER__", source: "n", commandID: "cmd\(command)", isAck: true, value: ""))
    }

    /// Everything about the person, each next to the same about another person.
    private static func items(user: String, connection: String) -> [Item] {
        let call = CoreCaptures.call("[1]")
        var question = CoreInvocation(frames: [.init(protocolName: "json", bytes: Array("{\"type\":6}\u{1E}".utf8))])
        question.reply = .init(invocationID: "q1", channel: "Chat.ChatHub:internal:return:S")
        func answer(_ id: String) -> [UInt8] {
            let frame = #"{"type":3,"invocationId":"\#(id)","result":1}"# + "\u{1E}"
            return CoreCompletion(protocolName: "json", frame: Array(frame.utf8)).encoded()
        }
        func groups(_ id: Int32, _ connection: String) -> [UInt8] {
            CoreGroupCommand(id: id, server: "S", action: .add, group: "g", connection: connection).encoded()
        }
        return [
            .signalR2(CoreCaptures.signalR2(1, key: "hu-chatHub." + user.uppercased())),
            .signalR2(CoreCaptures.signalR2(2, key: "hu-chatHub.somebody")),
            .signalR2(CoreCaptures.signalR2(3, key: "hc-chatHub." + connection)),
            command(4, connection), command(5, "other"), ack(6, of: 4), ack(7, of: 5),
            .signalR2(CoreCaptures.signalR2(8, source: connection)),
            .signalR2(CoreCaptures.signalR2(9, filter: "hc-chatHub.other|hc-chatHub.\(connection)")),
            .signalR2(CoreCaptures.signalR2(10)),
            core(.user, user, call), core(.user, "somebody", call), core(.connection, connection, call),
            core(.connection, "other", call), core(.connection, connection, question.encoded()),
            core(.result, "S", answer("q1")), core(.result, "S", answer("q2")),
            core(.groupCommand, "", groups(7, connection)), core(.groupCommand, "", groups(8, "other")),
            core(.ack, "S", [0x91, 7]), core(.ack, "S", [0x91, 8]),
            core(.all, "", CoreCaptures.call("[2]", excluded: ["other", connection])),
            core(.all, "", call), core(.user, user, [0xC1]), core(.all, "", [0xC1] + Array(user.utf8)),
        ]
    }

    private func withCapture(
        _ items: [Item], hashesNames: Bool = false, _ body: (_ directory: String, _ folder: String) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { folder in
            try CoreCaptures.record(items, into: folder + "/capture", hashesNames: hashesNames)
            try await body(folder + "/capture", folder)
        }
    }

    private static func object(_ finished: Finished) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(finished.output.utf8)) as? [String: Any])
    }

    @Test("nothing about the person is in the new files; ids stay complete, removed data is counted")
    func person() async throws {
        try await withCapture(Self.items(user: Self.user, connection: Self.connection)) { directory, folder in
            let files = try CaptureFiles.paths(in: directory)
            let before = try files.map { try Data(contentsOf: URL(filePath: $0)) }
            let erase = try await Finished.relay([
                "erase", directory, "--user", Self.user, "--connection", Self.connection, "-o", folder + "/erased",
            ])
            #expect(erase.exit == .code(0), "\(erase.errors)")
            #expect(erase.output.contains(#/erased +13 envelopes/#), "\(erase.output)")
            #expect(erase.output.contains(#/changed +2 envelopes/#), "\(erase.output)")
            #expect(!erase.errors.contains("warning"), "\(erase.errors)")
            #expect(try files.map { try Data(contentsOf: URL(filePath: $0)) } == before)

            let erased = try CaptureFiles.paths(in: folder + "/erased")
            let texts = "\(Self.user),\(Self.connection),somebody,other"
            let read = try await Finished.running(.python, ["-c", Self.reading, texts] + erased)
            let counts = try #require(read.lines.first, "\(read.errors)").split(separator: " ")
            #expect(counts[0] == "0" && counts[1] == "0" && counts[2] != "0" && counts[3] != "0", "\(read.output)")
            #expect(Set(read.lines.dropFirst()) == ["13 2", "17"], "\(read.output)")

            let verify = try await Finished.relay(["verify", folder + "/erased"])
            #expect(verify.exit == .code(0), "\(verify.output)\(verify.errors)")
            let info = try Self.object(try await Finished.relay(["info", "--json", folder + "/erased"]))
            #expect(info["erased"] as? [String: Int] == ["removed": 13, "changed": 2])
            let channels = try #require(info["channels"] as? [[String: Any]])
            let chat = try #require(channels.first { $0["channel"] as? String == "chat" })
            #expect(chat["envelopes"] as? Int == 10 && chat["missing_ids"] as? Int == 0)
            #expect((chat["undecodable"] as? [String: Int])?.isEmpty == true)
            let core = try #require(channels.first { $0["channel"] as? String == Self.hub.topic })
            #expect(core["envelopes"] as? Int == 7)
            let told = try await Finished.relay(["info", folder + "/erased"])
            #expect(told.exit == .code(0))
            #expect(told.output.contains(#/erased +13 envelopes taken out, names taken out of 2/#), "\(told.output)")
            let lines = try await Finished.relay(["cat", "--json", folder + "/erased"])
            #expect(lines.exit == .code(0) && lines.lines.count == 17, "\(lines.errors)")
            #expect(lines.output.contains(#""excluded":["other","erased"]"#), "\(lines.output)")
            #expect(lines.output.contains("hc-chatHub.other|hc-chatHub.erased"), "\(lines.output)")

            let again = try await Finished.relay(["erase", directory, "--user", "x", "-o", folder + "/erased"])
            #expect(again.exit == .code(1) && again.errors.contains("already exists"), "\(again.errors)")
            let none = try await Finished.relay(["erase", directory, "--user", "nobody", "-o", folder + "/none"])
            #expect(none.exit == .code(0) && none.errors.contains("nothing was found"), "\(none.errors)")
        }
    }

    @Test("a name in arguments is counted but kept; --matching removes it")
    func mentions() async throws {
        let items: [Item] = [
            .signalR2(CoreCaptures.signalR2(1, value: #"{"H":"chatHub","M":"say","A":["caf\u00e9 canary-user"]}"#)),
            .signalR2(CoreCaptures.signalR2(2)), Self.core(.all, "", CoreCaptures.call(#"["canary-user"]"#)),
            Self.core(.group, "of canary-user", CoreCaptures.call("[1]")),
            Self.core(.all, "", CoreCaptures.call("[2]")),
        ]
        try await withCapture(items) { directory, folder in
            let named = try await Finished.relay(["erase", directory, "--user", Self.user, "-o", folder + "/named"])
            #expect(named.exit == .code(0))
            #expect(named.errors.contains("3 envelopes still have the name or text"), "\(named.errors)")
            let matched = try await Finished.relay(
                ["erase", directory, "--matching", Self.user, "-o", folder + "/matched"])
            #expect(matched.exit == .code(0) && matched.output.contains(#/erased +3 envelopes/#), "\(matched.output)")
            let files = try CaptureFiles.paths(in: folder + "/matched")
            let read = try await Finished.running(.python, ["-c", Self.reading, Self.user] + files)
            #expect(read.lines.first == "0", "\(read.output)\(read.errors)")
        }
    }

    @Test("hashed names are found only with the key file")
    func hashed() async throws {
        let key = Array("0123456789abcdef".utf8)
        let names = HashedNames(key: SymmetricKey(key))
        let items =
            Self.items(user: names.user(Self.user)[1], connection: names.connection(Self.connection))
            + [.signalR2(CoreCaptures.signalR2(11, key: "hu-chatHub." + names.user(Self.user)[0]))]
        try await withCapture(items, hashesNames: true) { directory, folder in
            let file = folder + "/key"
            try Data(key).write(to: URL(filePath: file))
            let arguments = [
                "erase", directory, "--user", Self.user, "--connection", Self.connection, "-o", folder + "/erased",
            ]
            let blind = try await Finished.relay(arguments)
            #expect(blind.exit == .code(1) && blind.errors.contains("--names-key-file"), "\(blind.errors)")
            let erase = try await Finished.relay(arguments + ["--names-key-file", file])
            #expect(erase.exit == .code(0), "\(erase.errors)")
            let texts = names.user(Self.user) + [names.connection(Self.connection)]
            let erased = try CaptureFiles.paths(in: folder + "/erased")
            let read = try await Finished.running(
                .python, ["-c", Self.reading, texts.joined(separator: ",")] + erased)
            #expect(read.lines.first == "0 0 0", "\(read.output)\(read.errors)")
        }
    }

    @Test("a capture of real envelopes: only the person's are removed, the rest is unchanged; several segments, damage")
    func segments() async throws {
        try await TemporaryDirectory.with { folder in
            let vectors = try CoreVectors.all()
            let items = vectors.flatMap { setting in
                setting.payloads.map { Item.core(setting.hub, channel: $0.channel, payload: $0.payload) }
            }
            try CoreCaptures.record(items, into: folder + "/capture")
            let more = try CoreCaptures.mixed()
            try CoreCaptures.record(more, into: folder + "/capture", startingAfter: 1)
            let files = try CaptureFiles.paths(in: folder + "/capture")
            #expect(files.count == 2)
            let connection = try #require(
                vectors[0].payloads.first { $0.kind == .connection }.map {
                    String(decoding: $0.channel.dropFirst("orcOracleHub:connection:".utf8.count), as: UTF8.self)
                })
            let erase = try await Finished.relay(
                ["erase", folder + "/capture", "--connection", connection, "-o", folder + "/erased"])
            #expect(erase.exit == .code(0), "\(erase.errors)")
            let erased = try CaptureFiles.paths(in: folder + "/erased")
            let named = erased.map { $0.split(separator: "/").last } == files.map { $0.split(separator: "/").last }
            #expect(named, "\(erased)")
            let read = try await Finished.running(.python, ["-c", Self.reading, connection] + erased)
            #expect(read.lines.first == "0", "\(read.output)\(read.errors)")
            let before = try await Finished.relay(["cat", "--json", folder + "/capture"])
            let after = try await Finished.relay(["cat", "--json", folder + "/erased"])
            let kept = before.lines.filter { !$0.contains(connection) }
            // Acks and results of removed envelopes are removed too, and in lists the name is replaced.
            #expect(Set(after.lines.filter { !$0.contains("erased") }).isSubset(of: Set(kept)))
            #expect(after.lines.count > kept.count - 60 && after.lines.count < before.lines.count)

            var bytes = try Data(contentsOf: URL(filePath: files[0]))
            bytes[bytes.count / 2] ^= 0xFF
            try bytes.write(to: URL(filePath: files[0]))
            let damaged = try await Finished.relay(
                ["erase", folder + "/capture", "--connection", connection, "-o", folder + "/rest"])
            #expect(damaged.exit == .code(3) && damaged.errors.contains("damage: "), "\(damaged.errors)")
            let verify = try await Finished.relay(["verify", folder + "/rest"])
            #expect(!verify.output.contains("DAMAGED"), "\(verify.output)")
        }
    }

    @Test("invalid combinations of options are reported")
    func options() async throws {
        try await withCapture([.signalR2(CoreCaptures.signalR2(1))]) { directory, folder in
            for (arguments, code, text) in [
                (["-o", folder + "/x"], Int32(64), "say what to erase"),
                (["--user", "", "-o", folder + "/x"], 64, "--user"),
                (["--user", "a", "-o", directory], 1, "already exists"),
                (["--user", "a", "--names-key-file", "/none", "-o", folder + "/x"], 64, "--names-key-file"),
                ([directory, "--user", "a", "-o", folder + "/x"], 0, "nothing was found"),
            ] {
                let erase = try await Finished.relay(["erase", directory] + arguments)
                #expect(erase.exit == .code(code) && erase.errors.contains(text), "\(arguments): \(erase.errors)")
            }
        }
    }
}
