/// A client's call of a hub method, as it comes over a transport: `{"H":hub,"M":method,"A":[arguments],"I":id,"S":{..}?}`.
public struct HubRequest: Equatable, Sendable {
    public var hub: String
    public var method: String
    /// Each argument as JSON text.
    public var arguments: [[UInt8]]
    /// The number or text by which the client finds the answer; empty if it gave none.
    public var id: String

    public init(hub: String, method: String, arguments: [[UInt8]], id: String) {
        self.hub = hub
        self.method = method
        self.arguments = arguments
        self.id = id
    }

    /// Takes members in any order, unknown ones included, and no arguments for a missing `A`.
    ///
    /// - Returns: nil if this is no call: not JSON, not well-formed UTF-8, or without the strings `H` and `M`.
    public init?(decoding json: [UInt8]) {
        guard JSONText.isJSON(json) else { return nil }
        var hub: String?
        var method: String?
        var arguments: [[UInt8]] = []
        var id = ""
        let isObject = json.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes)
            return scanner.object { scanner, name in
                switch name.onlyByte {
                case UInt8(ascii: "H"):
                    hub = scanner.string()?.decoded
                    return hub != nil
                case UInt8(ascii: "M"):
                    method = scanner.string()?.decoded
                    return method != nil
                case UInt8(ascii: "A"):
                    arguments = []
                    if scanner.consume(literal: "null") { return true }
                    return scanner.array { scanner in
                        guard let value = scanner.value() else { return false }
                        arguments.append(Array(value))
                        return true
                    }
                case UInt8(ascii: "I"):
                    if scanner.peek() == UInt8(ascii: "\"") {
                        id = scanner.string()?.decoded ?? ""
                        return true
                    }
                    guard let number = scanner.value() else { return false }
                    id = String(decoding: number, as: UTF8.self)
                    return true
                default:
                    return scanner.skipValue()
                }
            }
        }
        guard isObject, let hub, let method else { return nil }
        self.init(hub: hub, method: method, arguments: arguments, id: id)
    }
}
