import Backplane
import Capture
import Cryptography
import Foundation
import TestSupport
import Testing

@testable import Relay

/// ASP.NET Core envelopes without the values that must not be recorded.
@Suite struct CorePayloadFilterTests {
    private static let key = SymmetricKey([UInt8](repeating: 7, count: 32))
    private static let hub = CoreHub(prefix: "p", type: "Chat.ChatHub")
    private static let canary = "c4n4ry"

    private static func filter(_ mode: PayloadMode, _ keys: [String] = []) -> PayloadFilter {
        PayloadFilter(PayloadPolicy(mode: mode, redactedKeys: keys, key: key))
    }

    private static func message(
        _ build: (inout MessagePackWriter) -> Void
    ) -> [UInt8] {
        var writer = MessagePackWriter()
        build(&writer)
        return [UInt8(writer.bytes.count)] + writer.bytes
    }

    /// Values at every position where nodes put some, including the canary.
    private static func envelopes() -> [[UInt8]] {
        let json =
            "{\"type\":1,\"target\":\"Say\",\"arguments\":[\"\(canary)\",12345,{\"token\":\"\(canary)\",\"n\":true}]}\u{1E}"
        let pack = message { writer in
            writer.array(6)
            writer.int(1)
            writer.map(1)
            writer.string("token")
            writer.string(canary)
            writer.nil()
            writer.string("Say")
            writer.array(3)
            writer.string(canary)
            writer.int(12345)
            writer.map(2)
            writer.string("token")
            writer.binary(Array(canary.utf8))
            writer.string("n")
            writer.bool(true)
            writer.array(0)
        }
        let invocation = CoreInvocation(
            excluded: ["x"],
            frames: [
                .init(protocolName: "json", bytes: Array(json.utf8)), .init(protocolName: "messagepack", bytes: pack),
                .init(protocolName: "blazorpack", bytes: Array(canary.utf8)),
            ])
        let result = CoreCompletion(
            protocolName: "json",
            frame: Array("{\"type\":3,\"invocationId\":\"7\",\"result\":{\"token\":\"\(canary)\"}}\u{1E}".utf8))
        let failed = message { writer in
            writer.array(5)
            writer.int(3)
            writer.map(0)
            writer.string("7")
            writer.int(1)
            writer.string(canary)
        }
        let extra = CorePayload.invocation(invocation).encoded()
        func record(_ kind: CoreKind, _ name: String, _ payload: [UInt8]) -> [UInt8] {
            CoreRecord.bytes(channel: hub.channel(kind, Array(name.utf8)), payload: payload)
        }
        return [
            record(.group, "g", CorePayload.invocation(invocation).encoded()),
            // An item that nodes do not write.
            record(.all, "", [0x93] + extra.dropFirst() + [0xA6] + Array(canary.utf8)),
            record(.result, "s", CorePayload.completion(result).encoded()),
            record(
                .result, "s",
                CorePayload.completion(CoreCompletion(protocolName: "messagepack", frame: failed)).encoded()),
            record(.all, "", Array(canary.utf8)),
            Array(canary.utf8),
        ]
    }

    private static func holdsCanary(_ bytes: [UInt8]) -> Bool {
        String(decoding: bytes, as: UTF8.self).contains(canary)
    }

    @Test(arguments: [PayloadMode.hash, .none]) func noValueIsLeft(mode: PayloadMode) throws {
        for (index, record) in Self.envelopes().enumerated() {
            #expect(Self.holdsCanary(record))
            let output = record.withUnsafeBytes { Self.filter(mode).filtered($0, Self.hub.form) }
            #expect(!Self.holdsCanary(output), "envelope \(index)")
            #expect(!String(decoding: output, as: UTF8.self).contains("12345"), "envelope \(index)")
            guard index < 4 else { continue }
            try output.withUnsafeBytes { output in
                var view = try EnvelopeView(output, Self.hub.form)
                let message = try #require(try view.next())
                #expect(view.oddities.isEmpty)
                #expect(index > 1 || message.call?.method.text == "Say")
                #expect(view.core?.name.kind == [.group, .all, .result, .result][index])
            }
        }
    }

    @Test func hiddenMembersAreGoneInBothProtocols() throws {
        let record = Self.envelopes()[0]
        let output = record.withUnsafeBytes { Self.filter(.full, ["Token"]).filtered($0, Self.hub.form) }
        try output.withUnsafeBytes { bytes in
            let view = try #require(try EnvelopeView(bytes, Self.hub.form).core)
            guard case .invocation(let invocation) = view.payload else {
                Issue.record("no invocation")
                return
            }
            for format in CoreFormat.allCases {
                var walk = try #require(invocation.messages(in: format))
                let message = try #require(try walk.next())
                let arguments = String(decoding: message.arguments?.json() ?? [], as: UTF8.self)
                #expect(arguments == #"["c4n4ry",12345,{"token":"***","n":true}]"#)
                #expect(message.headerTexts.allSatisfy { $0.value == "***" })
            }
            #expect(invocation.excluded == ["x"] && invocation.protocols == ["json", "messagepack", "blazorpack"])
        }
    }

    /// What is not parsed may hold a member that must not be recorded: typeless objects (ext 100), compressed ones (99).
    @Test func valuesOfATypeOfTheirOwnAreHiddenAsAWhole() throws {
        let frame = Self.message { writer in
            writer.array(6)
            writer.int(1)
            writer.map(0)
            writer.nil()
            writer.string("Say")
            writer.array(4)
            for type: UInt8 in [100, 99] { writer.raw([0xC7, UInt8(Self.canary.utf8.count), type] + Self.canary.utf8) }
            // A time, 1970-01-01T00:00:07Z.
            writer.raw([0xD6, 0xFF, 0, 0, 0, 7])
            writer.int(7)
            writer.array(0)
        }
        let payload = CoreInvocation(frames: [.init(protocolName: "messagepack", bytes: frame)]).encoded()
        let record = CoreRecord.bytes(channel: Self.hub.channel(.all, []), payload: payload)
        let output = record.withUnsafeBytes { Self.filter(.full, ["token"]).filtered($0, Self.hub.form) }
        #expect(!Self.holdsCanary(output))
        try output.withUnsafeBytes { bytes in
            var view = try EnvelopeView(bytes, Self.hub.form)
            let message = try #require(try view.next())
            let call = try #require(message.call)
            let arguments = String(decoding: call.arguments.json(), as: UTF8.self)
            #expect(arguments == #"["***","***","1970-01-01T00:00:07Z",7]"#)
        }
    }

    @Test func equalValuesHaveEqualHashesInBothProtocols() throws {
        let record = Self.envelopes()[0]
        let output = record.withUnsafeBytes { Self.filter(.hash).filtered($0, Self.hub.form) }
        try output.withUnsafeBytes { bytes in
            let view = try #require(try EnvelopeView(bytes, Self.hub.form).core)
            guard case .invocation(let invocation) = view.payload else { return }
            let texts = try CoreFormat.allCases.map { format in
                var walk = try #require(invocation.messages(in: format))
                let message = try #require(try walk.next())
                return try #require(message.arguments).ranges.prefix(2).map { message.value($0).text }
            }
            #expect(texts[0] == texts[1] && texts[0].count == 2 && texts[0][0]?.count == 16)
        }
    }

    /// Payloads of real nodes stay unchanged except for values.
    @Test(arguments: [PayloadMode.hash, .none]) func vectorsKeepTheirStructure(mode: PayloadMode) throws {
        for setting in try CoreVectors.all() {
            for vector in setting.payloads {
                let output = vector.record.withUnsafeBytes { Self.filter(mode).filtered($0, setting.hub.form) }
                try output.withUnsafeBytes { after in
                    try vector.record.withUnsafeBytes { before in
                        var (old, new) = (
                            try EnvelopeView(before, setting.hub.form), try EnvelopeView(after, setting.hub.form)
                        )
                        let (first, second) = (try #require(try old.next()), try #require(try new.next()))
                        #expect(first.kind == second.kind && first.call?.method.text == second.call?.method.text)
                        #expect(first.address.elementsEqual(second.address))
                        if mode == .hash { #expect(first.call?.argumentCount == second.call?.argumentCount) }
                        if vector.kind == .groupCommand || vector.kind == .ack {
                            #expect(old.payload.elementsEqual(new.payload))
                        }
                    }
                }
            }
        }
    }
}
