import JSON

/// Whether the JSON frame and the MessagePack frame of an envelope say the same.
package enum CoreAgreement: Equatable, Sendable {
    case same
    case different(Part)
    /// All that can be compared is equal; the first part that cannot be, and why.
    case incomparable(Part, Reason)

    /// What two payloads were compared by.
    package enum Part: Equatable, Sendable {
        /// Type, invocation id or error.
        case message
        case target
        /// How many arguments there are.
        case argumentCount
        /// By its index.
        case argument(Int)
        case streamIDs
        case headers
        case result
    }

    /// What the two protocols say in ways that do not tell whether it is the same.
    package enum Reason: UInt8, CaseIterable, Sendable {
        /// Names of members differ between the protocols, and MessagePack may have none.
        case object
        /// Base64 in JSON.
        case bytes
        /// A text in JSON, a timestamp in MessagePack.
        case date
        /// A value of the one type here and of another there, as enums, decimals and spans of time are.
        case type
        /// An extension value that only the application knows.
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
        // Both were walked over before, and have as many.
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
    /// Whether the two frames that are understood say the same.
    ///
    /// - Returns: nil if the envelope has not both protocols, or a frame is empty.
    package func agreement() throws(CoreError) -> CoreAgreement? {
        guard var json = messages(in: .json), var messagePack = messages(in: .messagePack),
            let first = try json.next(), let second = try messagePack.next()
        else { return nil }
        return CoreAgreement(first, second)
    }
}
