import Backplane
import Capture
import Foundation
import TestSupport
import Testing

/// Captures of every version, written by `Tests/CaptureTests/Golden/write`: they are read as they were then.
///
/// If a later version changes the output on purpose, the expectation is changed in the same commit.
@Suite("Golden captures")
struct GoldenTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "CaptureTests/Golden").path

    /// `0.1.0/events` and so on.
    static let captures: [String] = {
        let files = FileManager.default
        func directories(_ path: String) -> [String] {
            ((try? files.contentsOfDirectory(atPath: path)) ?? []).sorted().filter { name in
                var isDirectory: ObjCBool = false
                return files.fileExists(atPath: path + "/" + name, isDirectory: &isDirectory) && isDirectory.boolValue
            }
        }
        return directories(folder).flatMap { version in
            directories(folder + "/" + version).map { version + "/" + $0 }
        }
    }()

    /// The events, channels and payloads that this version can write.
    @Test("there is a capture of each kind") func kinds() throws {
        #expect(Self.captures.count { $0.hasPrefix("0.1.0/") } >= 34, "\(Self.captures)")
        let events = try Self.captures.flatMap { try self.events(of: $0) }
        func expect(_ wanted: some Sequence<String>, in found: [String], _ what: Comment) {
            #expect(Set(wanted).subtracting(found).isEmpty, what)
        }
        expect(CaptureEvent.Kind.allCases.map(\.rawValue), in: events.map(\.event), "events without a golden capture")
        let members = events.flatMap { event in
            Mirror(reflecting: event).children.compactMap { member in
                let optional = Mirror(reflecting: member.value)
                return optional.displayStyle == .optional && optional.children.isEmpty ? nil : member.label
            }
        }
        expect(
            Mirror(reflecting: CaptureEvent(.gap)).children.compactMap(\.label), in: members,
            "members that no event of a golden capture has")
        let causes = events.compactMap(\.cause)
        expect(GapCause.allCases.map(\.rawValue), in: causes, "causes of gaps")
        expect(SegmentLoss.Cause.allCases.map(\.rawValue), in: causes, "causes of losses")
        let deletions = events.filter { $0.event == CaptureEvent.Kind.segmentDeleted.rawValue }
        expect(RetentionReason.allCases.map(\.rawValue), in: deletions.compactMap(\.reason), "reasons of retention")

        let channels = try Self.captures.flatMap { try info($0).channels }
        let core = channels.filter { $0.core != nil }
        expect(CoreKind.allCases.map(\.label), in: core.flatMap(\.messages.keys), "messages of ASP.NET Core")
        expect(CoreOddities.names, in: core.flatMap(\.oddities.keys), "oddities of ASP.NET Core")
        let protocols = core.compactMap(\.core).flatMap(\.protocols.keys)
        expect(CoreFormat.allCases.map(\.name), in: protocols, "protocols of ASP.NET Core")
    }

    /// A kind of event that ``CaptureEvent/Kind`` does not list would need no golden capture.
    @Test("events of captures are made from the list of kinds") func eventsAreListed() throws {
        let sources = URL(fileURLWithPath: Self.folder).appending(path: "../../../Sources").standardizedFileURL
        for module in ["Capture", "Relay"] {
            let files = try FileManager.default.subpathsOfDirectory(atPath: sources.path + "/" + module)
            for file in files where file.hasSuffix(".swift") {
                let isListed = try !text(sources.path + "/\(module)/\(file)").contains("CaptureEvent(event:")
                #expect(isListed, "\(module)/\(file) makes an event from a string: add it to CaptureEvent.Kind")
            }
        }
    }

    @Test("Python's mcap counts the same envelopes and events as info", .needs(.python))
    func oracle() async throws {
        let whole = Self.captures.filter { capture in
            // No independent reader reads a damaged file, or counts what is not ours.
            !["damaged-", "foreign-", "open"].contains { capture.contains("/" + $0) }
        }
        let result = try await Finished.running(.python, ["-c", Self.script, Self.folder] + whole)
        let counts = try result.lines.map { try JSONDecoder().decode(Counts.self, from: Data($0.utf8)) }
        #expect(counts.count == whole.count, "\(result.errors)")
        for (capture, count) in zip(whole, counts) {
            let info = try info(capture)
            let envelopes = Dictionary(
                uniqueKeysWithValues: info.channels.filter { $0.envelopes > 0 }.map {
                    (Array($0.channel.utf8), $0.envelopes)
                })
            // By bytes: two names may look the same.
            let found = Dictionary(uniqueKeysWithValues: count.channels.map { (Array($0.name.utf8), $0.count) })
            #expect(found == envelopes, "\(capture)")
            let told = Dictionary(uniqueKeysWithValues: count.events.map { ($0.name, $0.count) })
            #expect(told == info.events, "\(capture)")
        }
    }

    private struct Counts: Decodable {
        struct Count: Decodable { let name: String, count: Int }
        let channels: [Count]
        let events: [Count]
    }

    private static let script = """
        import collections, glob, json, sys
        from mcap.reader import make_reader
        def counts(counter):
            return [{"name": name, "count": count} for name, count in counter.items() if count > 0]
        for capture in sys.argv[2:]:
            channels, events = collections.Counter(), collections.Counter()
            for path in glob.glob(glob.escape(sys.argv[1] + "/" + capture) + "/*.mcap"):
                with open(path, "rb") as stream:
                    for _, channel, message in make_reader(stream, validate_crcs=True).iter_messages():
                        if channel.topic != "relay.events":
                            channels[channel.topic] += 1
                            continue
                        event = json.loads(message.data)
                        events[event["event"]] += 1
                        for withdrawn in event.get("withdraws", []):
                            events[withdrawn["event"]] -= 1
            print(json.dumps({"channels": counts(channels), "events": counts(events)}))
        """

    /// What `info` says, as expected.
    private struct Info: Decodable {
        struct Core: Decodable { let protocols: [String: Int] }
        struct Channel: Decodable {
            let channel: String
            let envelopes: Int
            let messages: [String: Int]
            let oddities: [String: Int]
            /// nil for an event key.
            let core: Core?
        }
        let channels: [Channel]
        let events: [String: Int]
    }

    private func info(_ capture: String) throws -> Info {
        try JSONDecoder().decode(Info.self, from: Data(text(Self.folder + "/" + capture + "/info.out").utf8))
    }

    private func events(of capture: String) throws -> [CaptureEvent] {
        var events: [CaptureEvent] = []
        _ = try CaptureReader(paths: [Self.folder + "/" + capture]).forEach { item in
            if case .event(let event, _) = item { events.append(event) }
        }
        return events
    }

    @Test("an old capture is read as by the version that wrote it", arguments: captures)
    func reading(_ capture: String) async throws {
        let parts = capture.split(separator: "/").map(String.init)
        for command in ["info", "cat", "verify"] {
            let place = Self.folder + "/" + capture + "/" + command
            let options = command == "verify" ? "" : "--json"
            let result = try await Finished.running(
                "/bin/bash",
                [
                    "-c", #"cd "$1" && TZ=UTC "$2" $3 $4 "$5""#, "bash", Self.folder + "/" + parts[0],
                    RelayProcess.path(),
                    command, options, parts[1],
                ])
            let status = try text(place + ".exit").trimmingCharacters(in: .newlines)
            #expect(
                "\(result.exit)" == "\(ChildProcess.Exit.code(try #require(Int32(status))))",
                "\(command): \(result.errors)")
            #expect(result.errors == (try text(place + ".err")), "\(command)")
            if FileManager.default.fileExists(atPath: place + ".out") {
                #expect(result.output == (try text(place + ".out")), "\(command)")
            } else {
                let sum = try await Finished.running(
                    "/bin/bash",
                    [
                        "-c", #"cd "$1" && TZ=UTC "$2" $3 $4 "$5" | sha256sum | cut -c 1-64"#, "bash",
                        Self.folder + "/" + parts[0], RelayProcess.path(), command, options, parts[1],
                    ])
                #expect(sum.output == (try text(place + ".sha256")), "\(command)")
            }
        }
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }
}
