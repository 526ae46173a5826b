// Appended by Tests/Fuzz/run to a copy of the package's manifest: the fuzzers are not part of the package.

/// Modules to instrument for coverage and sanitizers. Optimized even in a debug build, unlike the rest.
let watched: Set<String> = [
    "JSON", "Time", "Backplane", "MCAP", "Prometheus", "TLS", "Redis", "Capture", "HubNode", "TestSupport",
]
let watching: [SwiftSetting] = [
    .unsafeFlags(["-O", "-sanitize=fuzzer,address"])
]

func fuzzer(_ name: String, _ dependencies: [Target.Dependency], with support: [String] = []) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies + ["FuzzSupport"], path: "Tests",
        sources: ["Fuzz/Targets/\(name).swift"] + support, swiftSettings: house + watching,
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])])
}

// No test targets here, but a fuzzer uses what they have in common.
let support = package.targets.filter { $0.name == "TestSupport" }.map {
    Target.target(
        name: $0.name, dependencies: $0.dependencies, path: $0.path, resources: $0.resources,
        swiftSettings: $0.swiftSettings)
}
package.products = []
package.targets.removeAll { $0.type == .test }
package.targets += support
for target in package.targets where watched.contains(target.name) {
    target.swiftSettings = (target.swiftSettings ?? []) + watching
}
package.targets += [
    .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
    .target(
        name: "FuzzSupport", dependencies: ["CLibFuzzer"], path: "Tests/Fuzz/Support", swiftSettings: house + watching),
    fuzzer("FuzzEnvelope", ["Backplane"]),
    fuzzer("FuzzCore", ["Backplane"]),
    fuzzer(
        "FuzzCoreHub", ["JSON", "HubNode", "Backplane", .product(name: "NIOCore", package: "swift-nio")]),
    fuzzer("FuzzJSON", ["JSON", "Backplane", "Capture"]),
    fuzzer(
        "FuzzMCAP", ["MCAP", "TestSupport"],
        with: [
            "Fuzz/Targets/ChecksumRepair.swift", "MCAPTests/Support/Reading.swift",
            "MCAPTests/Support/Recording.swift", "MCAPTests/Support/TestMessage.swift",
        ]),
    fuzzer("FuzzConnectionString", ["Redis"]),
    fuzzer("FuzzRESP", ["Redis"]),
    fuzzer("FuzzReplication", ["Redis"]),
    fuzzer(
        "FuzzHubNode",
        [
            "JSON", "HubNode", "Redis", "Backplane",
            .product(name: "HTTPTypes", package: "swift-http-types"),
            .product(name: "Logging", package: "swift-log"),
            .product(name: "NIOCore", package: "swift-nio"),
            .product(name: "NIOEmbedded", package: "swift-nio"),
            .product(name: "NIOPosix", package: "swift-nio"),
            .product(name: "NIOWebSocket", package: "swift-nio"),
        ],
        with: ["Fuzz/Targets/QueueExecutor.swift", "Fuzz/Targets/WebSocketRun.swift"]),
]
