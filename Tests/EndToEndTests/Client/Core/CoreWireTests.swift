import Backplane
import Foundation
import JSON
import Testing

@testable import SignalRClient

/// The messages of the recorded exchanges with a real node (wire-net8.txt): the client encodes the client's messages
/// byte for byte, and decodes the node's.
struct CoreWireTests {
    private struct Line {
        let section: String
        let isFromClient: Bool
        let text: String
    }

    /// The lines of exchanged messages, marked `C->S` and `S->C`.
    private static func lines() throws -> [Line] {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "IntegrationTests/Vectors/core/wire-net8.txt")
        var section = ""
        var lines: [Line] = []
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
            if line.hasPrefix("# ") { section = String(line.dropFirst(2)) }
            let trimmed = line.drop { $0 == " " }
            for (mark, isFromClient) in [("C->S ", true), ("S->C ", false)] where trimmed.hasPrefix(mark) {
                lines.append(
                    Line(section: section, isFromClient: isFromClient, text: String(trimmed.dropFirst(mark.count))))
            }
        }
        return lines
    }

    /// The messages of a line, each with its terminator (the byte 1e) or length.
    private static func messages(of line: Line) throws -> [[UInt8]] {
        var inbox = CoreInbox(limit: 1 << 20)
        if line.section == "messagepack" {
            inbox.format = .messagePack
            for part in line.text.matches(of: /hex ([0-9a-f]+)/) { inbox.append(Self.bytes(String(part.1))) }
        } else {
            inbox.format = .json
            inbox.append(
                Array(line.text.replacing("\u{241E} ", with: "\u{1E}").replacing("\u{241E}", with: "\u{1E}").utf8))
        }
        var messages: [[UInt8]] = []
        while let message = try inbox.next() { messages.append(message) }
        return messages
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).compactMap { UInt8(hex.dropFirst($0).prefix(2), radix: 16) }
    }

    /// The client message equivalent to a recorded one; nil if this client never sends such a message.
    private static func outgoing(_ message: [UInt8], _ format: CoreFormat) throws -> CoreOutgoing? {
        try message.withUnsafeBytes { bytes in
            var walk = CoreHubMessageWalk(bytes, format)
            guard let read = try walk.next() else { return nil }
            func tree(_ range: Range<Int>) throws -> JSONTree {
                try JSONTree(parsing: String(decoding: read.value(range).json(), as: UTF8.self))
            }
            let id = read.invocationID?.text
            switch read.type {
            case .invocation, .streamInvocation:
                return .invocation(
                    id: id, target: read.target?.text ?? "", arguments: try (read.arguments?.ranges ?? []).map(tree),
                    streamIDs: read.streamIDTexts, isStream: read.type == .streamInvocation)
            case .streamItem: return .streamItem(id: id ?? "", try tree(#require(read.value)))
            case .completion: return .completion(id: id ?? "", .void)
            case .cancelInvocation: return .cancelInvocation(id: id ?? "")
            case .ping: return .ping
            default: return nil
            }
        }
    }

    @Test func encodesRecordedClientMessages() throws {
        var held = 0
        for line in try Self.lines() where line.isFromClient {
            let format: CoreFormat = line.section == "messagepack" ? .messagePack : .json
            for message in try Self.messages(of: line) {
                let text = String(decoding: message, as: UTF8.self)
                // Written by hand: malformed, with headers and an unknown member, of an unknown type, with five items.
                let isOurs =
                    !text.contains("{bad") && !text.contains("zzz") && !text.contains("77")
                    && !message.starts(with: [0x0D, 0x95]) && !message.starts(with: [0x0F, 0x95])
                    && !message.starts(with: [0x0C, 0x95])
                guard isOurs else { continue }
                if text == "{\"type\":7}\u{1E}" {
                    #expect(CoreOutgoing.close.encoded(.json) == message)
                } else if text.hasPrefix("{\"type\":8"),
                    let id = text.firstMatch(of: /\d+(?=})/).flatMap({ Int64($0.0) })
                {
                    #expect(CoreOutgoing.ack(id).encoded(.json) == message)
                } else if text.hasPrefix("{\"type\":9"),
                    let id = text.firstMatch(of: /\d+(?=})/).flatMap({ Int64($0.0) })
                {
                    #expect(CoreOutgoing.sequence(id).encoded(.json) == message)
                } else if text.contains("2.5") || text.contains("EchoAny") {
                    // Binary data, which this client does not send.
                    continue
                } else {
                    let outgoing = try #require(try Self.outgoing(message, format), "\(line.text)")
                    #expect(outgoing.encoded(format) == message, "\(line.text)")
                }
                held += 1
            }
        }
        #expect(held >= 40)
    }

    @Test func decodesRecordedNodeMessages() throws {
        var results: [String] = []
        for line in try Self.lines() where !line.isFromClient && !line.text.hasPrefix("<closed") {
            let format: CoreFormat = line.section == "messagepack" ? .messagePack : .json
            for message in try Self.messages(of: line) {
                let read = try CoreIncoming(message, format)
                if case .unknown = read { Issue.record("\(line.text)") }
                results.append("\(read)")
            }
        }
        #expect(results.count >= 40)
        #expect(results.contains { $0.contains("allowReconnect: true") && $0.contains("Error reading JSON") })
        #expect(results.contains { $0 == "ack(2)" } && results.contains { $0 == "ack(3)" })
    }

    @Test(
        arguments: [
            ("{}", CoreHandshakeAnswer.accepted), (#"{"error":"no"}"#, .refused("no")), ("[]", nil), ("x", nil),
        ] as [(String, CoreHandshakeAnswer?)])
    func readsTheHandshake(text: String, answer: CoreHandshakeAnswer?) {
        #expect(CoreHandshakeAnswer(Array("\(text)\u{1E}".utf8)) == answer)
    }

    @Test(arguments: CoreFormat.allCases)
    func readsACloseInBothProtocols(format: CoreFormat) throws {
        let frames: [(json: String, packed: [UInt8], expected: CoreIncoming)] = [
            (#"{"type":7}"#, [0x93, 7, 0xC0, 0xC2], .close(error: nil, allowReconnect: false)),
            (#"{"type":7,"allowReconnect":true}"#, [0x93, 7, 0xC0, 0xC3], .close(error: nil, allowReconnect: true)),
            (#"{"type":7,"error":"e"}"#, [0x92, 7, 0xA1, 0x65], .close(error: "e", allowReconnect: false)),
            (#"{"type":9,"sequenceId":300}"#, [0x92, 9, 0xCD, 0x01, 0x2C], .sequence(300)),
            (#"{"type":8,"sequenceId":1}"#, [0x92, 8, 1], .ack(1)),
        ]
        for frame in frames {
            let message =
                format == .json ? Array("\(frame.json)\u{1E}".utf8) : [UInt8(frame.packed.count)] + frame.packed
            #expect(try CoreIncoming(message, format) == frame.expected)
        }
    }

    @Test(arguments: ["{bad", "17", #"{"type":3}"#, #"{"type":8}"#, #"{"type":9,"sequenceId":-1}"#])
    func refusesMessagesThatNodesNeverSend(text: String) {
        #expect(throws: CoreFrameError.self) { try CoreIncoming(Array("\(text)\u{1E}".utf8), .json) }
    }
}

/// Negotiation: versions, redirects, and other kinds of server.
struct CoreNegotiateAnswerTests {
    private func answer(_ json: String) throws -> CoreNegotiateAnswer? {
        CoreNegotiateAnswer(try JSONTree(parsing: json))
    }

    @Test func readsBothVersions() throws {
        let offers =
            #","availableTransports":[{"transport":"WebSockets","transferFormats":["Text","Binary"]},{"transport":"ServerSentEvents","transferFormats":["Text"]}]}"#
        guard case .connection(let old)? = try answer(#"{"negotiateVersion":0,"connectionId":"c""# + offers),
            case .connection(let new)? = try answer(
                #"{"useStatefulReconnect":true,"negotiateVersion":1,"connectionId":"c","connectionToken":"t""# + offers)
        else {
            Issue.record("no connection")
            return
        }
        #expect(old.token == "c" && !old.isStateful)
        #expect(new.id == "c" && new.token == "t" && new.isStateful)
        #expect(new.offers(.webSockets, .messagePack) && new.offers(.serverSentEvents, .json))
        #expect(!new.offers(.serverSentEvents, .messagePack) && !new.offers(.longPolling, .json))
    }

    @Test func readsErrorsRedirectsAndOtherServers() throws {
        #expect(try answer(#"{"error":"no"}"#) == .refused("no"))
        #expect(
            try answer(#"{"url":"https://x/y?a=b","accessToken":"s"}"#)
                == .redirect(url: "https://x/y?a=b", accessToken: "s"))
        #expect(try answer(#"{"ConnectionId":"x","ConnectionToken":"y"}"#) == nil)
    }

    @Test func aRedirectKeepsItsQueryAndSendsNoTokenToOtherHosts() throws {
        let first = CoreAddress(node: try NodeURL("http://a/chathub"), accessToken: "secret")
        #expect(first.target("/negotiate", QueryText([("user", "é")])) == "/chathub/negotiate?user=%C3%A9")
        let second = try first.redirected(to: "https://b/client/?hub=chat", accessToken: nil)
        #expect(second.accessToken == nil && second.target("", QueryText([("id", "t")])) == "/client?hub=chat&id=t")
        #expect(try second.redirected(to: "https://b/x", accessToken: "new").accessToken == "new")
        #expect(try first.redirected(to: "http://a/other", accessToken: nil).accessToken == "secret")
    }
}
