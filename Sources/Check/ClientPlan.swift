import SignalRClient
/// Which clients a check has: one for each transport on each node, node by node, and at least two.
struct ClientPlan: Equatable, Sendable {
    struct PlannedClient: Equatable, Sendable {
        let node: Int
        let transport: ClientTransport
        let name: String
        let user: String
    }

    let seats: [PlannedClient]

    init(nodes: [String], transports: [ClientTransport], run: String) {
        var places: [(node: Int, transport: ClientTransport, name: String)] = []
        for (index, node) in nodes.enumerated() {
            for transport in transports { places.append((index, transport, "\(node)/\(transport.rawValue)")) }
        }
        // Somebody must be there to send while the other one is away.
        if places.count == 1 {
            let only = places[0]
            places = [(only.node, only.transport, only.name + " a"), (only.node, only.transport, only.name + " b")]
        }
        // Half as many users as clients, so that a user has clients on several nodes; two at least, so that there is
        // somebody whom a message to a user must not reach.
        let users = max(2, places.count / 2)
        seats = places.enumerated().map { index, place in
            PlannedClient(
                node: place.node, transport: place.transport, name: place.name, user: "check-\(run)-\(index % users)")
        }
    }
}
