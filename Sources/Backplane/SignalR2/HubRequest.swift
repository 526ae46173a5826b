/// A client's call of a hub method, as it comes over a transport:
/// `{"H":hub,"M":method,"A":[arguments],"I":id,"S":{..}?}`.
///
/// Source: `Hubs/HubRequest.cs` and `Hubs/HubRequestParser.cs` of SignalR 2.
package struct HubRequest: Equatable, Sendable {
    /// A real node throws if the state is longer.
    private static let maximumStateBytes = 4_096

    /// As the client wrote it; nodes compare hubs without case.
    package var hub: String
    /// As the client wrote it; nodes compare methods without case.
    package var method: String
    /// Each argument as JSON text, as passed to the method by a real node: numbers and times in .NET's format.
    package var arguments: [[UInt8]]
    /// The number or text that identifies the result for the client; nil if absent.
    package var id: String?

    /// - Parameter arguments: each as JSON text.
    package init(hub: String, method: String, arguments: [[UInt8]], id: String?) {
        self.hub = hub
        self.method = method
        self.arguments = arguments
        self.id = id
    }

    /// Accepts what a real node accepts (``LenientJSON``): names in any case, members in any order and unknown ones,
    /// numbers for texts, no arguments for a missing or null `A`, trailing text.
    ///
    /// - Returns: nil if a real node would throw.
    package init?(decoding json: [UInt8]) {
        guard let call = LenientJSON(json), case .object = call, let hub = call["H"]?.asString ?? nil,
            let method = call["M"]?.asString ?? nil
        else { return nil }
        var id: String?
        if let value = call["I"] {
            guard let text = value.asString else { return nil }
            id = text
        }
        var arguments: [[UInt8]] = []
        switch call["A"] {
        case nil, .null: break
        case .array(let values):
            for value in values {
                guard let argument = value.rewritten() else { return nil }
                arguments.append(argument)
            }
        default: return nil
        }
        switch call["S"] {
        case nil, .null: break
        case .object?:
            guard let state = call["S"]?.rewritten(), state.count <= Self.maximumStateBytes else { return nil }
        default: return nil
        }
        self.init(hub: hub, method: method, arguments: arguments, id: id)
    }
}
