import HubNode

// The hub of "A node in ten minutes": `DocumentedCodeTests` compares it with the text there, and calls it.

let orders = Hub("orderHub") { hub in
    // The types of the parameters determine how arguments are decoded; a call that does not fit gets an error.
    hub.on("place") { (call: HubCall, item: String, count: Int) in
        guard count > 0 else { throw HubError("Order at least one.") }
        try await call.groups.add(call.connectionID, to: item)
        try await call.clients.othersInGroup(item).invoke("placed", item, count)
        return "thank you"
    }
    hub.on("watch") { (call: HubCall, item: String) in
        try await call.groups.add(call.connectionID, to: item)
    }
}
