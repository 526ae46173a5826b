// swift-tools-version: 6.2
import PackageDescription

let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "backplane-relay",
    products: [
        .executable(name: "backplane-relay", targets: ["backplane-relay"]),
        .library(name: "HubNode", targets: ["HubNode"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .plugin(name: "BuildCommit", capability: .buildTool(), path: "Sources/BuildCommit"),
        .systemLibrary(name: "CHiredis", pkgConfig: "hiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .target(name: "CLinux"),
        .target(name: "Cryptography", dependencies: ["COpenSSL"], swiftSettings: house),
        .target(name: "Backplane", swiftSettings: house),
        .target(name: "MCAP", dependencies: ["CZstd", "CDeflate", "CLZ4"], swiftSettings: house),
        .target(name: "Prometheus", swiftSettings: house),
        .target(
            name: "HTTPGuard",
            dependencies: [
                "Prometheus",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            ],
            swiftSettings: house),
        .target(
            name: "Redis",
            dependencies: [
                "CHiredis",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ],
            swiftSettings: house),
        .target(name: "Capture", dependencies: ["MCAP", "Backplane"], swiftSettings: house),
        .target(
            name: "Preflight",
            dependencies: [
                "Backplane", "CLinux", "Capture", "Redis",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: house),
        .target(
            name: "Relay",
            dependencies: [
                "Backplane", "Capture", "Cryptography", "HTTPGuard", "Preflight", "Prometheus", "Redis",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: house),
        .target(
            name: "LivePage",
            dependencies: [
                "Backplane", "Capture", "Prometheus", "Redis", "Relay",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            resources: [.embedInCode("Page")],
            swiftSettings: house),
        .target(
            name: "Forward",
            dependencies: [
                "Capture", "Cryptography", "Prometheus", "Redis", "Relay", "Backplane",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: house),
        .target(
            name: "Replay",
            dependencies: [
                "CLinux", "Capture", "Redis", "Backplane",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: house),
        .target(
            name: "Export",
            dependencies: [
                "CSQLite", "Capture", "Cryptography", "Redis", "Backplane",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: house),
        .target(
            name: "HubNode",
            dependencies: [
                "Cryptography", "HTTPGuard", "Prometheus", "Redis", "Backplane",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("Page/Files")],
            // Hub methods begin on the event loop that calls them, in the order of the calls.
            swiftSettings: house + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]),
        .target(
            name: "SignalRClient",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            swiftSettings: house),
        .target(
            name: "Loopback",
            dependencies: [
                "Backplane", "HubNode", "Redis", "SignalRClient",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: house),
        .target(
            name: "Check",
            dependencies: [
                "Backplane", "Capture", "HTTPGuard", "Loopback", "Prometheus", "Redis", "Relay",
                "SignalRClient",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house),
        .target(
            name: "Demo",
            dependencies: [
                "Backplane", "Capture", "LivePage", "Loopback", "Redis", "Relay", "Replay", "SignalRClient",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house),
        .target(
            name: "Bench",
            dependencies: [
                "Backplane", "Capture", "Loopback", "MCAP", "Preflight", "Redis", "Relay",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house),
        .executableTarget(
            name: "backplane-relay",
            dependencies: [
                "Backplane", "Bench", "CLinux", "Capture", "Check", "Cryptography", "Demo", "Export", "Forward",
                "HubNode",
                "LivePage", "MCAP", "Preflight", "Redis", "Relay", "Replay", "SignalRClient",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house,
            // A tenth of the binary: nothing is exported, equal functions are there once. LLVM's linker comes with Swift.
            linkerSettings: [
                .unsafeFlags(
                    ["-use-ld=lld"]
                        + ["--no-export-dynamic", "--gc-sections", "--icf=safe", "-O2"].flatMap { ["-Xlinker", $0] },
                    .when(configuration: .release))
            ],
            plugins: ["BuildCommit"]),
        .target(
            name: "TestSupport",
            dependencies: [
                "Redis", "Backplane",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Tests/TestSupport", resources: [.copy("Shims")], swiftSettings: house),
        .testTarget(
            name: "BackplaneTests", dependencies: ["Backplane", "TestSupport"],
            resources: [.copy("Vectors")],
            swiftSettings: house),
        .testTarget(name: "CryptographyTests", dependencies: ["Cryptography"], swiftSettings: house),
        .testTarget(name: "MCAPTests", dependencies: ["MCAP", "TestSupport"], swiftSettings: house),
        .testTarget(name: "PrometheusTests", dependencies: ["Prometheus", "TestSupport"], swiftSettings: house),
        .testTarget(
            name: "HTTPGuardTests",
            dependencies: [
                "HTTPGuard", "Prometheus",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "RedisTests",
            dependencies: [
                "Redis", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "CaptureTests", dependencies: ["Capture", "MCAP", "Backplane", "TestSupport"],
            swiftSettings: house),
        .testTarget(
            name: "RelayTests",
            dependencies: [
                "Backplane", "Capture", "Cryptography", "MCAP", "Preflight", "Prometheus", "Redis", "Relay",
                "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "LivePageTests",
            dependencies: [
                "Backplane", "Capture", "LivePage", "Prometheus", "Redis", "Relay",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "ForwardTests", dependencies: ["Forward", "Redis"], swiftSettings: house),
        .testTarget(
            name: "PreflightTests", dependencies: ["Capture", "Preflight", "Redis"], swiftSettings: house),
        .testTarget(name: "DocumentationTests", swiftSettings: house),
        .testTarget(
            name: "ReplayTests",
            dependencies: [
                "Capture", "Redis", "Replay", "Backplane", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "ExportTests",
            dependencies: [
                "Capture", "Cryptography", "Export", "Backplane",
            ],
            swiftSettings: house),
        .testTarget(
            name: "HubNodeTests",
            dependencies: [
                "HubNode", "Prometheus", "Redis", "Backplane", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            resources: [.copy("Vectors")],
            swiftSettings: house),
        .testTarget(name: "DashboardTests", dependencies: ["TestSupport"], swiftSettings: house),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "backplane-relay", "LivePage", .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "Bench", "Check", "Demo", "HubNode", "Loopback", "Prometheus", "Redis", "SignalRClient", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "backplane-relay", "Bench", "Capture", "Check", "Demo", "HubNode", "Loopback", "MCAP", "Preflight",
                "Redis",
                "Relay", "Replay", "SignalRClient",
                "Backplane", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [.copy("Scripts"), .copy("Vectors")], swiftSettings: house),
        .testTarget(
            name: "FaultTests",
            dependencies: [
                "backplane-relay", "Redis", "Backplane", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["run"], swiftSettings: house),
    ],
    swiftLanguageModes: [.v6]
)
