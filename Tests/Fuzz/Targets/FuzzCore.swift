import FuzzSupport
import JSON

@testable import Backplane

/// Any bytes as a payload of the ASP.NET Core backplane, as a frame in one, as MessagePack or as a channel name; the
/// first byte decides.
@main
enum FuzzCore {
    static func main() {
        Fuzzer.run { start, count in
            var input = InputReader(start, count)
            let choice = Int(input.byte())
            let bytes = input.rest()
            switch choice % 10 {
            case 0...6:
                if let kind = CoreKind(rawValue: UInt8(choice % 10)) { FuzzCore.checkPayload(kind, bytes) }
            case 7: FuzzCore.checkFrame(bytes)
            case 8: FuzzCore.checkMessagePack(bytes)
            default: FuzzCore.checkChannel(bytes)
            }
            return 0
        }
    }

    // MARK: - Payloads

    private static func checkPayload(_ kind: CoreKind, _ payload: UnsafeRawBufferPointer) {
        let walked = Result { () throws(CoreError) in try CorePayloadView(kind, payload) }
        let decoded = Result { () throws(CoreError) in try CorePayload(decoding: payload, as: kind) }
        switch (walked, decoded) {
        case (.failure(let first), .failure(let second)):
            Fuzzer.check(first == second, "the walk says '\(first)', decoding says '\(second)'")
            checkOffset(first.offset, payload)
        case (.success(let view), .success(let copy)):
            let encoded = copy.encoded()
            // An oddity is not reproduced; nothing else may differ.
            Fuzzer.check(
                encoded.elementsEqual(payload) == view.oddities.subtracting(.duplicateProtocol).isEmpty,
                "\(Array(payload)) became \(encoded), odd in \(view.oddities.labels)")
            guard let again = try? CorePayload(decoding: encoded, as: kind) else {
                Fuzzer.fail("\(encoded) does not decode")
            }
            Fuzzer.check(again.encoded() == encoded, "\(encoded) does not round-trip")
            checkData(view, payload)
            checkMark(kind, view, payload)
            if case .invocation(let view) = view {
                _ = try? view.agreement()
                if let name = CoreCallName(quickly: view) { checkName(name, view) }
            }
        default:
            Fuzzer.fail("the walk ends with \(walked), decoding with \(decoded)")
        }
    }

    private static func checkData(_ view: CorePayloadView, _ payload: UnsafeRawBufferPointer) {
        do throws(CoreError) {
            try view.forEachDatum { datum in
                Fuzzer.check(
                    datum.range.lowerBound >= 0 && datum.range.upperBound <= payload.count
                        && !datum.range.isEmpty, "\(datum) lies outside")
                guard let format = datum.format else { return }
                let value = CoreValue(payload: payload, format: format, range: datum.range)
                Fuzzer.check(
                    !value.json().isEmpty && (format == .json || isWholeValue(value.bytes)), "\(datum) is none")
            }
        } catch {
            checkOffset(error.offset, payload)
        }
    }

    private static func isWholeValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var reader = MessagePackReader(bytes)
        return (try? reader.skipValue()) != nil && reader.isAtEnd
    }

    /// The fast path finds the same as the full parser, or nothing.
    private static func checkName(_ name: CoreCallName, _ view: CoreInvocationView) {
        guard let message = try? view.message(), let target = message.target else { return }
        // Of a repeated name the last one counts: the fast path finds only the first.
        guard view.json == nil else { return }
        Fuzzer.check(target.raw.elementsEqual(name.key), "'\(name.method)' is '\(target.text)'")
    }

    private static func checkMark(_ kind: CoreKind, _ view: CorePayloadView, _ payload: UnsafeRawBufferPointer) {
        guard case .marked(let marked)? = try? CoreForwardMark.mark(payload, kind, leaving: "a", unlessBeenAt: [])
        else { return }
        marked.withUnsafeBytes { bytes in
            let again = try? CoreForwardMark.mark(bytes, kind, leaving: "b", unlessBeenAt: ["a"])
            Fuzzer.check(again == .returned, "\(marked) is not stopped")
            guard let second = try? CorePayloadView(kind, bytes) else { Fuzzer.fail("\(marked) does not decode") }
            guard case .invocation(let first) = view, case .invocation(let second) = second else { return }
            Fuzzer.check(
                first.excluded.elementsEqual(second.excluded) && first.protocols.elementsEqual(second.protocols)
                    && !second.asksForResult, "\(marked) means something else")
        }
    }

    // MARK: - Frames

    private static func checkFrame(_ frame: UnsafeRawBufferPointer) {
        for format in CoreFormat.allCases {
            for allowUntyped in [false, true] {
                let converted = Result { () throws(CoreConversionError) in
                    try CoreFrameConversion.converted(frame, from: format, allowUntyped: allowUntyped)
                }
                switch converted {
                case .failure(let error): checkOffset(error.offset, frame)
                case .success(let other): checkConverted(frame, format, other, isTyped: !allowUntyped)
                }
            }
        }
    }

    /// A converted frame is equivalent, and converts back to an equivalent one.
    private static func checkConverted(
        _ frame: UnsafeRawBufferPointer, _ format: CoreFormat, _ converted: [UInt8], isTyped: Bool
    ) {
        let other: CoreFormat = format == .json ? .messagePack : .json
        converted.withUnsafeBytes { bytes in
            var first = CoreHubMessageWalk(frame, format)
            var second = CoreHubMessageWalk(bytes, other)
            do {
                while let one = try first.next() {
                    guard let two = try second.next() else { Fuzzer.fail("a message is missing") }
                    guard isTyped, JSONText.isUTF8(frame), one.error == nil || one.value == nil else { continue }
                    let agreement = format == .json ? CoreAgreement(one, two) : CoreAgreement(two, one)
                    Fuzzer.check(agreement == .same, "\(Array(frame)) became \(converted), which is \(agreement)")
                }
                if try second.next() != nil { Fuzzer.fail("a message more") }
            } catch {
                Fuzzer.fail("\(converted) does not decode: \(error)")
            }
        }
    }

    // MARK: - MessagePack

    private static func checkMessagePack(_ bytes: UnsafeRawBufferPointer) {
        var reader = MessagePackReader(bytes)
        let skipped = Result { () throws(CoreError) in try reader.value() }
        var again = MessagePackReader(bytes)
        let tree = Result { () throws(CoreError) in try MessagePackValue(&again) }
        switch (skipped, tree) {
        case (.success(let range), .success(let value)):
            Fuzzer.check(range.upperBound == again.position, "walk and tree end elsewhere")
            let encoded = value.encoded()
            Fuzzer.check(encoded.count <= range.count, "\(value) grew")
            Fuzzer.check(
                encoded.elementsEqual(bytes[range]) == again.oddities.isEmpty,
                "\(Array(bytes[range])) became \(encoded), odd in \(again.oddities.labels)")
        case (.success, .failure(let error)): Fuzzer.check(error.reason == .tooDeep, "only the tree says \(error)")
        case (.failure(let first), .failure(let second)):
            checkOffset(first.offset, bytes)
            checkOffset(second.offset, bytes)
        case (.failure(let error), .success(let value)): Fuzzer.fail("\(value) is a tree, but the walk says \(error)")
        }
        var writer = JSONWriter()
        var shown = MessagePackReader(bytes)
        do throws(CoreConversionError) {
            try MessagePackJSON.append(&shown, to: &writer, .shown)
            // The scanner stops at 64 levels; a compressed value and an extension add one each.
            let isDeep = writer.bytes.withUnsafeBytes { JSONText.mayBeTooDeep($0) }
            Fuzzer.check(isDeep || JSONText.isJSON(writer.bytes), "\(String(decoding: writer.bytes, as: UTF8.self))")
        } catch {
            checkOffset(error.offset, bytes)
        }
    }

    // MARK: - Channels

    private static func checkChannel(_ channel: UnsafeRawBufferPointer) {
        for root in ["", "H", "orcHub"] {
            let hub = CoreHub(prefix: "", type: root)
            guard let name = hub.parse(channel) else { continue }
            Fuzzer.check(
                hub.channel(name.kind, name.name).elementsEqual(channel), "\(Array(channel)) is built otherwise")
        }
        _ = CoreDiscovery.hubs(in: [Array(channel)], prefix: "o")
        _ = CoreServerName(channel)
    }

    private static func checkOffset(_ offset: Int, _ bytes: UnsafeRawBufferPointer) {
        Fuzzer.check((0...bytes.count).contains(offset), "an error at \(offset) of \(bytes.count) bytes")
    }
}
