extension Hub {
    /// The hub of SignalR's tutorial, plus methods for an end-to-end check.
    public static let chat = Hub("chatHub") { hub in
        hub.on("send") { (call: HubCall, name: JSONValue, message: JSONValue) in
            try await call.clients.all.invoke("broadcastMessage", name, message)
        }
        // With an identifier that is echoed, by which a page recognizes its own message: another user may have the same
        // name.
        hub.on("send") { (call: HubCall, name: JSONValue, message: JSONValue, sign: JSONValue) in
            try await call.clients.all.invoke("broadcastMessage", name, message, sign)
        }
        hub.on("sendToOthers") { (call: HubCall, name: JSONValue, message: JSONValue) in
            try await call.clients.others.invoke("broadcastMessage", name, message)
        }
        hub.on("joinGroup") { (call: HubCall, group: String) in
            try await call.groups.add(call.connectionID, to: group)
        }
        hub.on("leaveGroup") { (call: HubCall, group: String) in
            try await call.groups.remove(call.connectionID, from: group)
        }
        hub.on("sendToGroup") { (call: HubCall, group: String, name: JSONValue, message: JSONValue) in
            try await call.clients.group(group).invoke("groupMessage", group, name, message)
        }
        hub.on("sendToGroup") {
            (call: HubCall, group: String, name: JSONValue, message: JSONValue, sign: JSONValue) in
            try await call.clients.group(group).invoke("groupMessage", group, name, message, sign)
        }
        hub.on("sendToUser") { (call: HubCall, user: String, message: JSONValue) in
            try await call.clients.user(user).invoke("userMessage", call.user, message)
        }
        hub.on("sendToConnection") { (call: HubCall, connectionID: String, message: JSONValue) in
            try await call.clients.client(connectionID).invoke("connectionMessage", call.connectionID, message)
        }
        hub.on("echo") { (_: HubCall, value: JSONValue) in value }
        hub.on("progress") { (call: HubCall, steps: Int) in
            guard (0...10_000).contains(steps) else { throw HubError("progress: 0 to 10000 steps, not \(steps)") }
            for step in 0..<steps { try await call.reportProgress(step + 1) }
            return steps
        }
        // Only for clients of ASP.NET Core SignalR: streams in both directions, and client results.
        hub.onStream("countTo") { (_: HubCall, count: Int) in
            guard (0...10_000).contains(count) else { throw HubError("countTo: 0 to 10000 items, not \(count)") }
            return AsyncThrowingStream<Int, any Error> { items in
                for number in 0..<count { items.yield(number + 1) }
                items.finish()
            }
        }
        hub.on("sum") { (_: HubCall, numbers: HubStream<Int>) in
            var sum = 0
            for try await number in numbers { sum &+= number }
            return sum
        }
        hub.on("ask") { (call: HubCall, connectionID: String, question: JSONValue) in
            try await call.clients.single(connectionID).ask("answer", question, as: JSONValue.self)
        }
        hub.on("whoAmI") { (call: HubCall) in call.connectionID }
        hub.on("fail") { (_: HubCall, message: String) in
            throw HubError(message)
        }
    }
}
