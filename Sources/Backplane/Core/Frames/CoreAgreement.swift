import JSON

/// Whether the JSON and MessagePack frames of an envelope have the same content.
package enum CoreAgreement: Equatable, Sendable {
    case same
    case different(Part)
    /// Everything comparable is equal; the first part that is not comparable, and why.
    case incomparable(Part, Reason)

    /// What two payloads were compared by.
    package enum Part: Equatable, Sendable {
        /// Type, invocation id or error.
        case message
        case target
        /// The number of arguments.
        case argumentCount
        /// An argument, by index.
        case argument(Int)
        case streamIDs
        case headers
        case result
    }

    /// Why two representations cannot be compared.
    package enum Reason: UInt8, CaseIterable, Sendable {
        /// Member names differ between the protocols, and MessagePack may omit them.
        case object
        /// Base64 in JSON.
        case bytes
        /// A text in JSON, a timestamp in MessagePack.
        case date
        /// The types differ, as for enums, decimals and time spans.
        case type
        /// An extension value specific to the application.
        case ext
        /// Compressed by LZ4 in MessagePack.
        case compressed

        /// Stable snake_case name.
        package var label: String {
            switch self {
            case .object: "object"
            case .bytes: "bytes"
            case .date: "date"
            case .type: "type"
            case .ext: "ext"
            case .compressed: "compressed"
            }
        }
    }

    /// - Parameters: the first message of each frame.
    package init(_ json: CoreHubMessage, _ messagePack: CoreHubMessage) {
        guard json.typeNumber == messagePack.typeNumber, Self.equal(json.invocationID, messagePack.invocationID),
            Self.equal(json.error, messagePack.error)
        else {
            self = .different(.message)
            return
        }
        guard Self.equal(json.target, messagePack.target) else {
            self = .different(.target)
            return
        }
        guard json.streamIDTexts == messagePack.streamIDTexts else {
            self = .different(.streamIDs)
            return
        }
        guard Self.sorted(json.headerTexts) == Self.sorted(messagePack.headerTexts) else {
            self = .different(.headers)
            return
        }
        guard json.arguments?.count == messagePack.arguments?.count else {
            self = .different(.argumentCount)
            return
        }
        if let first = json.arguments, let second = messagePack.arguments {
            self = Self.arguments(first, second)
        } else {
            self = Self.results(json, messagePack)
        }
    }

    private static func arguments(_ json: CoreElements, _ messagePack: CoreElements) -> CoreAgreement {
        var open: CoreAgreement?
        var scanner = JSONScanner(UnsafeRawBufferPointer(rebasing: json.payload[json.range]))
        var reader = MessagePackReader(messagePack.payload, in: messagePack.range)
        // Both were validated before and have the same count.
        guard scanner.consume(UInt8(ascii: "[")), let count = try? reader.arrayCount() else {
            return .different(.argumentCount)
        }
        for index in 0..<count {
            switch CoreComparison.compare(&scanner, &reader) {
            case .same: break
            case .different: return .different(.argument(index))
            case .incomparable(let reason): open = open ?? .incomparable(.argument(index), reason)
            }
            _ = scanner.consume(UInt8(ascii: ","))
        }
        return open ?? .same
    }

    private static func results(_ json: CoreHubMessage, _ messagePack: CoreHubMessage) -> CoreAgreement {
        guard let first = json.value, let second = messagePack.value else {
            return (json.value == nil) == (messagePack.value == nil) ? .same : .different(.result)
        }
        return switch CoreComparison.compare(json.payload, first, messagePack.payload, second) {
        case .same: .same
        case .different: .different(.result)
        case .incomparable(let reason): .incomparable(.result, reason)
        }
    }

    private static func equal(_ first: CoreText?, _ second: CoreText?) -> Bool {
        guard let first, let second else { return (first == nil) == (second == nil) }
        return first.isSame(as: second)
    }

    private static func sorted(_ headers: [(name: String, value: String)]) -> [[String]] {
        headers.map { [$0.name, $0.value] }.sorted { $0.lexicographicallyPrecedes($1) }
    }
}

extension CoreInvocationView {
    /// Whether the JSON and MessagePack frames have the same content.
    ///
    /// - Returns: nil unless the envelope has both, and neither is empty.
    package func agreement() throws(CoreError) -> CoreAgreement? {
        guard var json = messages(in: .json), var messagePack = messages(in: .messagePack),
            let first = try json.next(), let second = try messagePack.next()
        else { return nil }
        return CoreAgreement(first, second)
    }
}
