import ArgumentParser
import Preflight
import Redis
import Testing

@testable import backplane_relay

/// `--tap`, whose value may be absent.
@Suite struct TapOptionsTests {
    @Test(arguments: [
        (["run", "--tap"], ["run", "--tap=on"]),
        (["run", "--tap", "--channel", "chat"], ["run", "--tap=on", "--channel", "chat"]),
        (["run", "--tap", "prefer", "--check-only"], ["run", "--tap", "prefer", "--check-only"]),
        (["run", "--tap=force"], ["run", "--tap=force"]),
        (["run", "--tap", "force"], ["run", "--tap", "force"]),
        (["tail", "--tap"], ["tail", "--tap"]),
        ([], []),
    ])
    func completed(_ given: [String], _ completed: [String]) {
        #expect(TapMode.completed(given) == completed)
    }

    private static func policy(_ arguments: [String]) throws -> TapPolicy? {
        let line = TapMode.completed(["run"] + arguments).dropFirst()
        return try TapOptions.parse(Array(line)).policy
    }

    @Test func policies() throws {
        #expect(try Self.policy([]) == nil)
        #expect(try Self.policy(["--tap"]) == TapPolicy())
        #expect(try Self.policy(["--tap=prefer"]) == TapPolicy(mayFallBack: true))
        #expect(try Self.policy(["--tap", "force"]) == TapPolicy(limits: TapLimits(isForced: true)))
        // As a variable may say.
        #expect(try Self.policy(["--tap=true"]) == TapPolicy())
        #expect(
            try Self.policy(["--tap", "--tap-full-sync-limit", "4GiB"])
                == TapPolicy(limits: TapLimits(fullSyncBytes: 4 << 30)))
        #expect(
            try Self.policy(["--tap", "--tap-full-sync-limit", "any"])
                == TapPolicy(limits: TapLimits(fullSyncBytes: .max)))
        for wrong in ["Any", "0", "-1", ""] {
            #expect(throws: (any Error).self) { try Self.policy(["--tap", "--tap-full-sync-limit", wrong]) }
        }
        #expect(throws: (any Error).self) { try Self.policy(["--tap=maybe"]) }
    }

    @Test func remedies() {
        let refused = TapError.refused(endpoint: "r:1", [.minReplicas(1)])
        #expect(OptionNames.explained(refused).hasSuffix("(--tap=force)"))
        let cluster = TapError.refused(endpoint: "r:1", [.cluster, .writesFile])
        #expect(OptionNames.explained(cluster).contains("--tap=prefer"))
        let consent = TapError.consentNeeded(endpoint: "r:1", bytes: 1 << 30, limit: 256 << 20)
        #expect(OptionNames.explained(consent).hasSuffix("(--tap-full-sync-limit)"))
        let unknown = TapError.consentNeeded(endpoint: "r:1", bytes: nil, limit: 256 << 20)
        #expect(OptionNames.explained(unknown).hasSuffix("(--tap-full-sync-limit any)"))
    }
}
