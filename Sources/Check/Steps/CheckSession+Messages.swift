import JSON
import SignalRClient

/// Steps that check which clients receive a message.
extension CheckSession {
    func broadcast() async throws {
        let count = participants.count
        try await all(participants) { sender in
            for _ in stride(from: sender.index, to: messages, by: count) {
                try await send(
                    Expectation(
                        step: .broadcast, call: "send", arguments: [.string(sender.name)], method: "broadcastMessage",
                        recipients: everyone),
                    from: sender)
            }
        }
        try await fence(.broadcast)
    }

    func groups() async throws {
        let group = "check-\(deliveryLog.text.run)-room"
        let members = participants.filter { $0.index % 2 == 0 }
        try await all(members) { member in
            // Group names are case-insensitive on nodes of SignalR 2, but case-sensitive in channels of ASP.NET Core.
            let name = generation.isCore || member.index % 4 == 0 ? group : group.uppercased()
            try await join(name, member)
        }
        try await sendToGroup(group, members: members, times: 2)

        guard let leaver = members.first else { return }
        try await retry("\(leaver.name) leaves a group") {
            try await leaver.client.call("leaveGroup", [.string(group)])
        }
        try await sendToGroup(group, members: Array(members.dropFirst()), times: 1)
    }

    func join(_ group: String, _ member: Participant) async throws {
        try await retry("\(member.name) joins a group") {
            try await member.client.call("joinGroup", [.string(group)])
        }
    }

    /// Everyone sends, members or not.
    private func sendToGroup(_ group: String, members: [Participant], times: Int) async throws {
        // After this, changes of membership have reached all nodes concerned.
        try await fence(.groups)
        try await all(participants) { sender in
            for _ in 0..<times {
                try await send(
                    Expectation(
                        step: .groups, call: "sendToGroup", arguments: [.string(group), .string(sender.name)],
                        method: "groupMessage", recipients: Set(members.map(\.index))),
                    from: sender)
            }
        }
        try await fence(.groups)
    }

    func users() async throws {
        let byUser = Dictionary(grouping: participants, by: \.user).mapValues { Set($0.map(\.index)) }
        try await all(participants) { sender in
            for (user, clients) in byUser {
                try await send(
                    Expectation(
                        step: .users, call: "sendToUser", arguments: [.string(user)], method: "userMessage",
                        recipients: clients),
                    from: sender)
            }
        }
        try await fence(.users)
    }

    func others() async throws {
        try await all(participants) { sender in
            for _ in 0..<2 {
                try await send(
                    Expectation(
                        step: .others, call: "sendToOthers", arguments: [.string(sender.name)],
                        method: "broadcastMessage", recipients: everyone.subtracting([sender.index])),
                    from: sender)
            }
        }
        try await fence(.others)
    }
}
