import Backplane

/// A hub, and how it is served to clients of ASP.NET Core SignalR.
struct CoreHubPlan: Sendable {
    let hub: Hub
    let path: String
    let settings: CoreHubSettings
}

extension HubNodeConfiguration {
    /// The hubs that are served to clients of ASP.NET Core SignalR, in order.
    ///
    /// - Throws: ``HubNodeError`` if two hubs have the same path or the same channels on the backplane, or settings name
    ///   a hub that the node does not have.
    func corePlans(for hubs: [Hub]) throws(HubNodeError) -> [CoreHubPlan] {
        let own = Dictionary(coreHubs.map { (CaselessName($0.key), $0.value) }) { first, _ in first }
        let names = Set(hubs.map { CaselessName($0.name) })
        if let unknown = coreHubs.keys.sorted().first(where: { !names.contains(CaselessName($0)) }) {
            let known = hubs.map { "'\($0.name)'" }.joined(separator: ", ")
            throw .invalidHubs("coreHubs has settings for '\(unknown)'; the hubs of this node are \(known)")
        }
        let plans = hubs.compactMap { hub -> CoreHubPlan? in
            guard let settings = own[CaselessName(hub.name)] ?? core else { return nil }
            return CoreHubPlan(hub: hub, path: settings.path(of: hub.name), settings: settings)
        }
        for plan in plans { try check(plan) }
        for (index, plan) in plans.enumerated() {
            for other in plans[..<index] { try plan.check(against: other) }
        }
        return plans
    }

    private func check(_ plan: CoreHubPlan) throws(HubNodeError) {
        let path = plan.path
        guard path.hasPrefix("/"), path.count > 1, !path.hasSuffix("/"), !path.contains("?") else {
            throw .invalidHubs(
                "the path '\(path)' of hub '\(plan.hub.name)' must have a slash at its beginning, none at its end, and no query"
            )
        }
        guard joinsSignalR2 else { return }
        let (own, base) = (path.lowercased() + "/", self.path.lowercased() + "/")
        guard !own.hasPrefix(base), !base.hasPrefix(own) else {
            throw .invalidHubs(
                "the path '\(path)' of hub '\(plan.hub.name)' and the path '\(self.path)' for SignalR 2 overlap: change one of them"
            )
        }
    }
}

extension CoreHubPlan {
    fileprivate func check(against other: CoreHubPlan) throws(HubNodeError) {
        let both = "hubs '\(other.hub.name)' and '\(hub.name)'"
        guard CaselessName(path) != CaselessName(other.path) else {
            throw .invalidHubs("\(both) have the same path '\(path)': give each its own in coreHubs")
        }
        guard let backplane = settings.backplane, let occupied = other.settings.backplane else { return }
        // Prefix and type are written one after the other, without a separator.
        guard backplane.channelPrefix + backplane.hubType != occupied.channelPrefix + occupied.hubType else {
            throw .invalidHubs(
                "\(both) have the same channels on the backplane, those of '\(backplane.channelPrefix + backplane.hubType)': give each its own hubType in coreHubs"
            )
        }
    }
}
