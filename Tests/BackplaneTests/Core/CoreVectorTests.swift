import Backplane
import Foundation
import Testing

/// Payloads of real nodes, decoded correctly and encoded to the same bytes.
@Suite struct CoreVectorTests {
    @Test func allRecordedVectorsArePresent() throws {
        var seen: [CoreKind: Int] = [:]
        for vector in try CoreVector.all() { seen[try vector.channelName().kind, default: 0] += 1 }
        #expect(seen == [.all: 18, .group: 21, .user: 9, .connection: 45, .groupCommand: 15, .ack: 12, .result: 27])
    }

    @Test func everyVectorEncodesToTheSameBytes() throws {
        for vector in try CoreVector.all() {
            let kind = try vector.channelName().kind
            let payload = try CorePayload(decoding: vector.payload, as: kind)
            #expect(payload.encoded() == vector.payload, "\(vector.name)")
            #expect(coreWalk(vector.payload, kind) == .success([]), "\(vector.name)")
        }
    }

    @Test func everyChannelNameIsRebuiltFromItsParts() throws {
        for vector in try CoreVector.all() {
            let (kind, name) = try vector.channelName()
            #expect(vector.hub.channel(kind, name) == vector.channel)
            if kind == .ack || kind == .result {
                let server = try #require(CoreServerName(name))
                #expect(server.machine == "vm" && "vm_" + server.guid == name)
            }
        }
    }

    @Test func everyVectorDecodesToItsMeaning() throws {
        for vector in try CoreVector.all() {
            let meaning = vector.meaning
            switch try CorePayload(decoding: vector.payload, as: vector.channelName().kind) {
            case .ack(let id):
                #expect(meaning["kind"] as? String == "ack" && meaning["id"] as? Int == Int(id))
            case .groupCommand(let command):
                #expect(meaning["kind"] as? String == "group-command" && meaning["id"] as? Int == Int(command.id))
                #expect(meaning["server"] as? String == command.server && meaning["group"] as? String == command.group)
                #expect(meaning["action"] as? Int == Int(command.rawAction))
                #expect(meaning["connection"] as? String == command.connection)
            case .completion(let completion):
                #expect(meaning["kind"] as? String == "completion")
                #expect(meaning["protocol"] as? String == completion.protocolName)
                try expect(meaning["message"], in: completion.frame, completion.protocolName, vector.name)
            case .invocation(let invocation):
                #expect(meaning["kind"] as? String == "invocation")
                #expect(meaning["excluded"] as? [String] == invocation.excluded)
                #expect(meaning["invocationId"] as? String == invocation.reply?.invocationID)
                #expect(meaning["returnChannel"] as? String == invocation.reply?.channel)
                #expect(invocation.frames.map(\.protocolName) == vector.protocols)
                let messages = try #require(meaning["messages"] as? [String: Any])
                for frame in invocation.frames {
                    try expect(messages[frame.protocolName], in: frame.bytes, frame.protocolName, vector.name)
                }
            }
        }
    }

    /// Values are compared as JSON: for values that JSON cannot express, the vectors have `bytes:0001ff` and
    /// `Timestamp(..)`.
    private func expect(_ meaning: Any?, in frame: [UInt8], _ protocolName: String, _ name: String) throws {
        try frame.withUnsafeBytes { bytes in
            var walk = CoreHubMessageWalk(bytes, protocolName == "json" ? .json : .messagePack)
            let message = try #require(try walk.next())
            #expect(try walk.next() == nil)
            if protocolName == "json" {
                let text = try #require(meaning as? String)
                #expect(Array(text.utf8) == frame, "\(name)")
                let tree = try #require(
                    JSONSerialization.jsonObject(with: Data(text.utf8.dropLast())) as? [String: Any])
                #expect(message.typeNumber == tree["type"] as? Int && message.target?.text == tree["target"] as? String)
                #expect(message.invocationID?.text == tree["invocationId"] as? String)
                #expect(message.arguments?.count == (tree["arguments"] as? [Any])?.count)
                #expect(message.error?.text == tree["error"] as? String)
                #expect((message.value == nil) == (tree["result"] == nil), "\(name)")
            } else {
                let items = try #require((meaning as? [[Any]])?.first)
                #expect(message.typeNumber == items[0] as? Int && message.headers == nil)
                #expect(message.invocationID?.text == items[2] as? String)
                if message.type == .invocation {
                    #expect(message.target?.text == items[3] as? String && message.streamIDs?.count == 0)
                    let arguments = try #require(message.arguments)
                    try expect(items[4], arguments.json(), name)
                } else {
                    let kind = items[3] as? Int
                    #expect(kind == (message.error != nil ? 1 : message.value != nil ? 3 : 2))
                    if kind == 1 { #expect(items[4] as? String == message.error?.text) }
                    if let value = message.value { try expect(items[4], message.value(value).json(), name) }
                }
            }
        }
    }

    private func expect(_ meaning: Any, _ json: [UInt8], _ name: String) throws {
        let options: JSONSerialization.WritingOptions = [.sortedKeys, .fragmentsAllowed]
        var expected = try text(JSONSerialization.data(withJSONObject: meaning, options: options))
        expected = expected.replacing(#""bytes:0001ff""#, with: #""AAH\/""#)
            .replacing("Timestamp(seconds=1704164645, nanoseconds=0)", with: "2024-01-02T03:04:05Z")
        let tree = try JSONSerialization.jsonObject(with: Data(json), options: .fragmentsAllowed)
        #expect(try text(JSONSerialization.data(withJSONObject: tree, options: options)) == expected, "\(name)")
    }

    private func text(_ data: Data) -> String { String(decoding: data, as: UTF8.self) }

    @Test func theTwoFramesOfAnEnvelopeAreEquivalent() throws {
        var compared = 0
        for vector in try CoreVector.all() where vector.protocols.count == 2 {
            guard case .invocation = try CorePayload(decoding: vector.payload, as: vector.channelName().kind) else {
                continue
            }
            try vector.payload.withUnsafeBytes { bytes in
                let view = try CoreInvocationView(bytes)
                let isRich = try view.message()?.target?.text == "Rich"
                #expect(
                    try view.agreement() == (isRich ? .incomparable(.argument(5), .bytes) : .same), "\(vector.name)")
                compared += 1
            }
        }
        #expect(compared == 31)
    }

    @Test func oneFrameOfAnEnvelopeConvertsToTheOther() throws {
        for vector in try CoreVector.all() where vector.protocols.count == 2 {
            guard
                case .invocation(let invocation) = try CorePayload(
                    decoding: vector.payload, as: vector.channelName().kind)
            else { continue }
            let (json, messagePack) = (invocation.frames[0].bytes, invocation.frames[1].bytes)
            guard !String(decoding: json, as: UTF8.self).contains("Rich") else {
                #expect(convert(json, .json) == .failure(CoreConversionError(.object, at: 77)))
                #expect(convert(messagePack, .messagePack) == .failure(CoreConversionError(.bytes, at: 29)))
                continue
            }
            #expect(convert(json, .json) == .success(messagePack), "\(vector.name)")
            #expect(convert(messagePack, .messagePack) == .success(json), "\(vector.name)")
        }
    }

    /// The arguments of each frame are at the reported position.
    @Test func dataAreFoundInThePayload() throws {
        for vector in try CoreVector.all() where vector.name == "net8-json-msgpack-prefix 6" {
            try vector.payload.withUnsafeBytes { bytes in
                var json: [String] = []
                var messagePack: [[UInt8]] = []
                try CorePayloadView(.all, bytes).forEachDatum { datum in
                    guard case .argument(let index) = datum.role else { return }
                    #expect(index == (datum.format == .json ? json.count : messagePack.count))
                    switch datum.format {
                    case .json: json.append(String(decoding: bytes[datum.range], as: UTF8.self))
                    case .messagePack: messagePack.append(Array(bytes[datum.range]))
                    case nil: Issue.record("\(datum)")
                    }
                }
                #expect(
                    json == [
                        "-5", "3.5", "true", "null", "\"ünï\"", "\"AAH/\"", "[1,2]", "{\"a\":1}",
                        "\"2024-01-02T03:04:05Z\"", "{\"name\":\"n\",\"value\":7,\"kind\":2}",
                    ])
                #expect(messagePack.count == 10)
                #expect(messagePack[0] == [0xFB] && messagePack[5] == [0xC4, 3, 0, 1, 0xFF])
                #expect(messagePack[8] == [0xD6, 0xFF, 0x65, 0x93, 0x7D, 0x25])
            }
        }
    }
}

func convert(
    _ frame: [UInt8], _ format: CoreFormat, allowUntyped: Bool = false
) -> Result<[UInt8], CoreConversionError> {
    frame.withUnsafeBytes { bytes in
        Result { () throws(CoreConversionError) in
            try CoreFrameConversion.converted(bytes, from: format, allowUntyped: allowUntyped)
        }
    }
}
