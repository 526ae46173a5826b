import Backplane
import Testing

/// Payloads without a vector: those that nodes accept but do not write, and those that they reject.
@Suite struct CorePayloadTests {
    @Test(arguments: [
        ("92 90 80", CoreKind.all, [] as [String]), ("92 90 81 a4 6a736f6e c0", .all, ["frame_type"]),
        ("92 90 81 a4 6a736f6e a17b", .group, ["frame_type"]), ("92 90 81 a4 6a736f6e c50000", .all, ["long_form"]),
        ("92 dc0000 80", .all, ["long_form"]), ("92 90 de0000", .all, ["long_form"]),
        ("dc0002 90 80", .all, ["long_form"]),
        ("92 91 d90161 80", .all, ["long_form"]), ("92 91 a1ff 80", .all, ["utf8"]),
        ("93 90 80 05", .all, ["extra_items"]),
        ("93 90 80 91a178", .all, ["extra_items"]), ("95 90 80 a169 a163 c0", .connection, ["extra_items"]),
        ("94 90 80 c0 c0", .connection, ["nil_text"]), ("92 90 80 00", .all, ["trailing_bytes"]),
        ("92 90 82 a4 6a736f6e c400 a4 6a736f6e c400", .all, ["duplicate_protocol"]),
        ("92 90 82 a178 c400 a178 c400", .all, ["duplicate_protocol"]), ("91 cc05", .ack, ["long_form"]),
        ("92 05 c0", .ack, ["extra_items"]), ("91 05 05", .ack, ["trailing_bytes"]), ("91 ff", .ack, []),
        ("95 01 a153 01 a167 a143", .groupCommand, []), ("95 01 a153 ccff a167 a143", .groupCommand, []),
        ("96 01 a153 01 a167 a143 c3", .groupCommand, ["extra_items"]), ("92 a4 6a736f6e c400", .result, []),
        ("93 a4 6a736f6e c0 01", .result, ["extra_items", "frame_type"]),
    ])
    func oddPayloadsAreTaken(hex: String, kind: CoreKind, oddities: [String]) throws {
        let payload = unfolded(hex.replacing(" ", with: ""))
        let seen = try payload.withUnsafeBytes { try CorePayloadView(kind, $0).oddities.labels }
        #expect(seen.sorted() == oddities.sorted(), "\(hex)")
    }

    @Test(arguments: [
        ("", CoreKind.all, CoreError.Reason.truncated, 0), ("91 90", .all, .tooFewItems, 0),
        ("80", .all, .wrongType, 0),
        ("92 80 80", .all, .wrongType, 1), ("92 91 c0 80", .all, .wrongType, 2), ("92 90 90", .all, .wrongType, 2),
        ("92 90 81 05 c400", .all, .wrongType, 3), ("92 90 81 a4 6a736f6e 05", .all, .wrongType, 8),
        ("92 90 81 a4 6a736f6e c405", .all, .lengthBeyondPayload, 8), ("94 90 80 a169 05", .connection, .wrongType, 5),
        ("93 90 80", .all, .hugeCount, 0), ("92 dfffffffff", .all, .hugeCount, 1),
        ("92 ddffffffff", .all, .hugeCount, 1),
        ("90", .ack, .tooFewItems, 0), ("91 a131", .ack, .wrongType, 1),
        ("91 cf8000000000000000", .ack, .outOfRange, 1),
        ("91 ce80000000", .ack, .outOfRange, 1), ("94 01 a153 01 a167", .groupCommand, .tooFewItems, 0),
        ("95 01 a153 cd0100 a167 a143", .groupCommand, .outOfRange, 4),
        ("95 01 c0 01 a167 a143", .groupCommand, .wrongType, 2),
        ("91 a4 6a736f6e", .result, .tooFewItems, 0), ("92 a4 6a736f6e 05", .result, .wrongType, 6),
    ])
    func malformedPayloadsAreErrorsWithTheirPlace(hex: String, kind: CoreKind, reason: CoreError.Reason, offset: Int) {
        let payload = unfolded(hex.replacing(" ", with: ""))
        #expect(coreWalk(payload, kind) == .failure(CoreError(reason, at: offset)), "\(hex)")
    }

    @Test func lengthsAreWrittenInTheirSmallestForm() throws {
        for count in [0, 31, 32, 255, 256, 65_535, 65_536] {
            let invocation = CoreInvocation(
                excluded: [String(repeating: "x", count: count)],
                frames: [.init(protocolName: "other", bytes: Array(repeating: 1, count: count))],
                reply: .init(invocationID: "i", channel: "c"))
            let payload = invocation.encoded()
            #expect(try CorePayload(decoding: payload, as: .connection) == .invocation(invocation))
            #expect(coreWalk(payload, .connection) == .success([]))
        }
    }

    @Test func aViewReportsTheContentOfAnEnvelope() throws {
        let json = Array("{\"type\":1,\"target\":\"T\",\"arguments\":[]}\u{1E}".utf8)
        let invocation = CoreInvocation(
            excluded: ["a", "b"],
            frames: [
                .init(protocolName: "blazorpack", bytes: [1]), .init(protocolName: "json", bytes: json),
                .init(protocolName: "json", bytes: [2]),
            ])
        try invocation.encoded().withUnsafeBytes { bytes in
            let view = try CoreInvocationView(bytes)
            #expect(view.excludedCount == 2 && view.excluded == ["a", "b"] && view.frameCount == 3)
            #expect(view.protocols == ["blazorpack", "json", "json"] && view.messagePack == nil)
            // Given two frames of one protocol, nodes send the first.
            #expect(try view.message()?.target?.text == "T" && view.agreement() == nil && !view.asksForResult)
        }
        let blazor = CoreInvocation(frames: [.init(protocolName: "blazorpack", bytes: [1])]).encoded()
        #expect(try blazor.withUnsafeBytes { try CoreInvocationView($0).message() == nil })
    }

    /// Code that hides application data must find every frame.
    @Test func theDataOfEachFrameAreReported() throws {
        let json = Array("{\"type\":1,\"target\":\"T\",\"arguments\":[7]}\u{1E}".utf8)
        let completion = Array("{\"type\":3,\"invocationId\":\"1\",\"error\":\"e\"}\u{1E}".utf8)
        let payload = CoreInvocation(
            frames: [
                .init(protocolName: "blazorpack", bytes: [1, 2]), .init(protocolName: "json", bytes: json + json),
                .init(protocolName: "json", bytes: completion),
                .init(protocolName: "messagepack", bytes: [4, 0x94, 2, 0x80, 0x80]),
            ]
        ).encoded()
        var seen: [String] = []
        #expect(throws: CoreError.self) {
            try payload.withUnsafeBytes { bytes in
                try CorePayloadView(.all, bytes).forEachDatum { datum in
                    seen.append("\(datum.role) " + String(decoding: bytes[datum.range], as: UTF8.self))
                }
            }
        }
        #expect(seen == ["unknownFrame \u{1}\u{2}", "argument(0) 7", "argument(0) 7", "error \"e\""])
    }

    // MARK: - Marks

    @Test func aMarkFollowsTheItemsThatNodesRead() throws {
        let invocation = CoreInvocation(excluded: ["x"], frames: [.init(protocolName: "json", bytes: [0x7B])])
        var marked = try mark(invocation.encoded(), .all, "one")
        #expect(marked == .marked([0x93] + invocation.encoded().dropFirst() + packed(["one"])))
        marked = try mark(bytes(marked), .group, "two")
        #expect(marked == .marked([0x93] + invocation.encoded().dropFirst() + packed(["one", "two"])))
        #expect(try mark(bytes(marked), .user, "three", been: ["two"]) == .returned)
        #expect(try mark(bytes(marked), .user, "three", been: ["four"]) != .returned)
        guard case .invocation(let decoded) = try CorePayload(decoding: bytes(marked), as: .all) else { return }
        #expect(decoded.places == ["one", "two"] && decoded.reply == nil && decoded.encoded() == bytes(marked))
        #expect(coreWalk(CoreInvocation(frames: []).encoded(), .all) == .success([]))

        let command = CoreGroupCommand(id: 1, server: "S", action: .add, group: "g", connection: "c")
        let markedCommand = try mark(command.encoded(), .groupCommand, "one")
        #expect(markedCommand == .marked([0x96] + command.encoded().dropFirst() + packed(["one"])))
        #expect(try mark(bytes(markedCommand), .groupCommand, "two", been: ["one"]) == .returned)
    }

    @Test func requestsAndResponsesAreNotMarked() throws {
        let asking = CoreInvocation(frames: [], reply: .init(invocationID: "i", channel: "c")).encoded()
        #expect(try mark(asking, .connection, "one") == .unmarkable)
        #expect(try mark([0x91, 1], .ack, "one") == .unmarkable)
        #expect(try mark(CoreCompletion(protocolName: "json", frame: []).encoded(), .result, "one") == .unmarkable)
        // An item of another program.
        #expect(try mark([0x93, 0x90, 0x80, 0x05], .all, "one") == .unmarkable)
        #expect(throws: CoreError.self) { try mark([0x91, 0x90], .all, "one") }
    }

    private func mark(
        _ payload: [UInt8], _ kind: CoreKind, _ place: String, been: [String] = []
    ) throws -> CoreForwardMark.Outcome {
        try payload.withUnsafeBytes { try CoreForwardMark.mark($0, kind, leaving: place, unlessBeenAt: been) }
    }

    private func bytes(_ outcome: CoreForwardMark.Outcome) -> [UInt8] {
        if case .marked(let bytes) = outcome { return bytes }
        return []
    }

    private func packed(_ places: [String]) -> [UInt8] {
        MessagePackValue.array(places.map { .string("backplane-relay:" + $0) }).encoded()
    }
}
