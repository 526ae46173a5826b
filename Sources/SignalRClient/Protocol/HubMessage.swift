package import JSON

/// One entry of `M`.
package enum HubMessage: Equatable, Sendable {
    /// `{"H":hub,"M":method,"A":[..]}`
    case invocation(hub: String, method: String, arguments: [JSONTree])
    /// `{"I":"P|0","P":{"I":"0","D":value}}`
    case progress(call: String, value: JSONTree)

    package init?(_ json: JSONTree) {
        if let hub = json["H"]?.string, let method = json["M"]?.string {
            self = .invocation(hub: hub, method: method, arguments: json["A"]?.array ?? [])
        } else if let progress = json["P"], let call = progress["I"]?.string {
            self = .progress(call: call, value: progress["D"] ?? .null)
        } else {
            return nil
        }
    }
}
