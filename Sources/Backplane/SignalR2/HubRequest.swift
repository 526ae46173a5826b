/// A client's call of a hub method, as it comes over a transport: `{"H":hub,"M":method,"A":[arguments],"I":id,"S":{..}?}`.
///
/// Source: `Hubs/HubRequest.cs` and `Hubs/HubRequestParser.cs` of SignalR 2.
package struct HubRequest: Equatable, Sendable {
    /// A real node throws at a longer state.
    private static let maximumStateBytes = 4_096

    /// As the client wrote it; nodes compare hubs without case.
    package var hub: String
    /// As the client wrote it; nodes compare methods without case.
    package var method: String
    /// Each argument as JSON text, as a real node hands it to the method: numbers and times in .NET's form.
    package var arguments: [[UInt8]]
    /// The number or text by which the client finds the answer; nil if it gave none.
    package var id: String?

    package init(hub: String, method: String, arguments: [[UInt8]], id: String?) {
        self.hub = hub
        self.method = method
        self.arguments = arguments
        self.id = id
    }

    /// Takes what a real node takes (``LenientJSON``): names in any case, members in any order and unknown ones among them,
    /// numbers for texts, no arguments for a missing or null `A`, text behind the call.
    ///
    /// - Returns: nil where a real node throws.
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
