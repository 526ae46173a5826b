import ArgumentParser
import Preflight
import Redis
import Testing

@testable import backplane_relay

@Suite struct CoreOptionsTests {
    private static func attachment(_ arguments: [String], redis: String = "redis") throws -> CoreAttachment? {
        try CoreOptions.parse(arguments).attachment(redis: RedisConfiguration(connectionString: redis))
    }

    @Test func theOptionsSelectWhatIsWatched() throws {
        #expect(try Self.attachment([]) == nil)
        #expect(try Self.attachment([], redis: "redis,channelPrefix=p") == nil)
        #expect(try Self.attachment(["--core"]) == CoreAttachment(findsHubs: true))
        #expect(
            try Self.attachment(["--core", "--core-exclude", "A", "--core-exclude=B", "--core-connections", "--yes"])
                == CoreAttachment(
                    findsHubs: true, excluded: ["A", "B"], includesConnections: true, permitsManyPatterns: true))
        #expect(
            try Self.attachment(["--core-hub", "Chat.Hubs.ChatHub", "--core-hub=B"])
                == CoreAttachment(hubs: ["Chat.Hubs.ChatHub", "B"]))
    }

    @Test func thePrefixIsThatOfTheAddressUnlessTheOptionIsGiven() throws {
        let address = "redis,channelPrefix=orc"
        #expect(try Self.attachment(["--core"], redis: address)?.prefix == "orc")
        #expect(try Self.attachment(["--core", "--channel-prefix", "my:app:"], redis: address)?.prefix == "my:app:")
        #expect(try Self.attachment(["--core", "--channel-prefix", ""], redis: address)?.prefix == "")
        #expect(try Self.attachment(["--core"])?.prefix == "")
    }

    @Test(arguments: [
        (["--core-hub", ""], "--core-hub: name a hub's .NET type"),
        (["--core", "--core-exclude", ""], "--core-exclude: name a hub's .NET type"),
        (["--core-hub", "A", "--core-hub", "A"], "--core-hub: name each hub only once"),
        (["--core", "--core-hub", "A", "--core-exclude", "A"], "'A' is also named by --core-hub"),
        (["--core-hub", "my:app:ChatHub"], "--channel-prefix 'my:app:' --core-hub 'ChatHub'"),
        (["--core-hub", "ChatHub:"], "a .NET type name contains no ':'"),
    ])
    func isRefused(_ arguments: [String], _ part: String) {
        let error = #expect(throws: (any Error).self) { try CoreOptions.parse(arguments) }
        #expect(error.map { CoreOptions.message(for: $0) }?.contains(part) == true, "\(error.map { "\($0)" } ?? "")")
    }

    @Test func withNothingToWatchBothOptionsAreNamed() throws {
        for command in ["run", "tail"] {
            let error = #expect(throws: (any Error).self) {
                try BackplaneRelay.parseAsRoot([command, "--redis", "redis"])
            }
            let message = error.map { BackplaneRelay.message(for: $0) } ?? ""
            #expect(message.contains("--channel KEY") && message.contains("--core-hub TYPE"), "\(message)")
        }
        _ = try BackplaneRelay.parseAsRoot(["run", "--redis", "redis", "--core"])
        _ = try BackplaneRelay.parseAsRoot(["tail", "--redis", "redis", "--core-hub", "A", "--channel", "chat"])
    }
}
