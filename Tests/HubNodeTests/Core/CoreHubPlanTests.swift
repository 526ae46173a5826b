import Redis
import Testing

@testable import HubNode

/// Which hubs are served to clients of ASP.NET Core, and where.
@Suite struct CoreHubPlanTests {
    private static let orders = Hub("OrderHub") { _ in }
    private static let rooms = Hub("roomHub") { _ in }

    private func configuration(
        channel: String = "chat", _ core: CoreHubSettings? = CoreHubSettings(), _ own: [String: CoreHubSettings] = [:]
    ) -> HubNodeConfiguration {
        var configuration = HubNodeConfiguration(
            redis: RedisConfiguration(host: "redis.invalid"), channel: channel, name: "test")
        configuration.core = core
        configuration.coreHubs = own
        return configuration
    }

    private func paths(_ configuration: HubNodeConfiguration) throws -> [String: String] {
        let plans = try configuration.corePlans(for: [Self.orders, Self.rooms])
        return Dictionary(uniqueKeysWithValues: plans.map { ($0.hub.name, $0.path) })
    }

    @Test("by default each hub is served at its own name")
    func names() throws {
        #expect(try paths(configuration()) == ["OrderHub": "/orderhub", "roomHub": "/roomhub"])
        #expect(CoreHubSettings().path(of: Hub.chat.name) == "/chathub")
    }

    @Test("settings of a single hub replace the common ones; a hub's name ignores case")
    func ownSettings() throws {
        let shop = CoreHubSettings(path: "/shop", backplane: CoreBackplaneSettings(hubType: "Shop.OrderHub"))
        let plans = try configuration(CoreHubSettings(inboundMessageBytes: 1), ["orderhub": shop])
            .corePlans(for: [Self.orders, Self.rooms])
        #expect(plans.map(\.path) == ["/shop", "/roomhub"])
        #expect(plans.map(\.settings.inboundMessageBytes) == [32 * 1024, 1])
        #expect(plans.map { $0.settings.backplane?.hubType } == ["Shop.OrderHub", nil])
    }

    @Test("without common settings only hubs with settings of their own are served")
    func someHubs() throws {
        #expect(try paths(configuration(nil)) == [:])
        #expect(try paths(configuration(nil, ["roomHub": CoreHubSettings()])) == ["roomHub": "/roomhub"])
    }

    @Test("settings that contradict each other are named")
    func contradictions() {
        let shop = CoreBackplaneSettings(hubType: "Shop.OrderHub", channelPrefix: "app:")
        let same = CoreBackplaneSettings(hubType: "app:Shop.OrderHub")
        for (configuration, part) in [
            (configuration(CoreHubSettings(path: "/hub")), "'OrderHub' and 'roomHub' have the same path '/hub'"),
            (
                configuration(CoreHubSettings(), ["roomHub": CoreHubSettings(path: "/ORDERhub")]),
                "'OrderHub' and 'roomHub' have the same path"
            ),
            (
                configuration(CoreHubSettings(backplane: shop)),
                "'OrderHub' and 'roomHub' have the same channels on the backplane, those of 'app:Shop.OrderHub'"
            ),
            (
                configuration(CoreHubSettings(backplane: shop), ["roomHub": CoreHubSettings(backplane: same)]),
                "have the same channels"
            ),
            (
                configuration(CoreHubSettings(), ["rooms": CoreHubSettings()]),
                "'rooms'; the hubs of this node are 'OrderHub', 'roomHub'"
            ),
            (configuration(CoreHubSettings(path: "hub")), "a slash at its beginning"),
            (configuration(CoreHubSettings(), ["roomHub": CoreHubSettings(path: "/hub/")]), "none at its end"),
            (
                configuration(CoreHubSettings(), ["roomHub": CoreHubSettings(path: "/SignalR/rooms")]),
                "the path '/SignalR/rooms' of hub 'roomHub' and the path '/signalr' for SignalR 2 overlap"
            ),
        ] {
            let error = #expect(throws: HubNodeError.self) { try paths(configuration) }
            #expect(error?.description.contains(part) == true, "\(String(describing: error))")
        }
    }

    @Test("a node that serves no SignalR 2 has no path of it")
    func coreAlone() throws {
        let own = ["roomHub": CoreHubSettings(path: "/signalr")]
        #expect(try paths(configuration(channel: "", CoreHubSettings(), own))["roomHub"] == "/signalr")
    }
}
