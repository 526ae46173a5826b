// swift-tools-version: 6.2
import Glibc
import PackageDescription

let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

// Off the path of an envelope through the relay, and not needed by HubNode: smaller, and built faster.
let cold = house + [.unsafeFlags(["-Osize"], .when(configuration: .release))]

// Commands, clients and checks: as small as `cold`, built in half the time. Generic code is not specialized here, so a
// loop over bytes belongs in another module: it would be several times slower.
let seldom =
    house + [.unsafeFlags(["-Osize", "-Xfrontend", "-disable-sil-perf-optzns"], .when(configuration: .release))]

// Packed relocations, 2.3 MB of the binary less, are read by the loader of glibc 2.36 and later.
let packsRelocations = (__GLIBC__, __GLIBC_MINOR__) >= (2, 36)

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
        .plugin(name: "EmbedText", capability: .buildTool(), path: "Sources/EmbedText"),
        .systemLibrary(name: "CHiredis", pkgConfig: "hiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .target(name: "CLinux"),
        .target(name: "Cryptography", dependencies: ["COpenSSL"], swiftSettings: house),
        .target(name: "JSON", swiftSettings: house),
        .target(name: "Time", swiftSettings: house),
        .target(name: "Backplane", dependencies: ["JSON", "Time"], swiftSettings: house),
        .target(name: "MCAP", dependencies: ["CDeflate", "CLZ4", "CZstd"], swiftSettings: house),
        .target(name: "Prometheus", dependencies: ["Time"], swiftSettings: house),
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
            name: "TLS",
            dependencies: ["Time", .product(name: "NIOSSL", package: "swift-nio-ssl")],
            swiftSettings: house),
        .target(
            name: "Redis",
            dependencies: [
                "CHiredis", "TLS", "Time",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: house),
        .target(
            name: "Capture",
            dependencies: [
                "Backplane", "JSON", "MCAP", "Time",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: house),
        .target(name: "MessageLines", dependencies: ["Backplane", "Capture", "Time"], swiftSettings: cold),
        .target(
            name: "Preflight",
            dependencies: [
                "Backplane", "Capture", "CLinux", "Redis", "Time",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: seldom),
        .target(
            name: "Relay",
            dependencies: [
                "Backplane", "Capture", "Cryptography", "HTTPGuard", "JSON", "Preflight", "Prometheus", "Redis", "Time",
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
                "Backplane", "Capture", "HTTPGuard", "JSON", "Prometheus", "Redis", "Relay", "Time",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            exclude: ["Page"],
            swiftSettings: cold,
            plugins: ["EmbedText"]),
        .target(
            name: "Forward",
            dependencies: [
                "Backplane", "Capture", "Cryptography", "Prometheus", "Redis", "Relay", "Time",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: house),
        .target(
            name: "Replay",
            dependencies: [
                "Backplane", "Capture", "CLinux", "Redis", "Time",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: house),
        .target(
            name: "Export",
            dependencies: [
                "Backplane", "Capture", "Cryptography", "CSQLite", "JSON", "Redis", "Time",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: cold),
        .target(
            name: "HubNode",
            dependencies: [
                "Backplane", "Cryptography", "HTTPGuard", "JSON", "Prometheus", "Redis", "Time",
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
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            exclude: ["Page/Files"],
            // Hub methods begin on the event loop that calls them, in the order of the calls.
            swiftSettings: house + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")],
            plugins: ["EmbedText"]),
        .target(
            name: "SignalRClient",
            dependencies: [
                "Backplane", "JSON", "TLS", "Time",
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: seldom),
        .target(
            name: "Loopback",
            dependencies: [
                "Backplane", "HubNode", "Redis", "Relay", "SignalRClient",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ],
            swiftSettings: seldom),
        .target(
            name: "Check",
            dependencies: [
                "Backplane", "Capture", "HTTPGuard", "HubNode", "JSON", "Loopback", "Preflight", "Prometheus", "Redis",
                "Relay", "SignalRClient", "Time",
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: seldom),
        .target(
            name: "Demo",
            dependencies: [
                "Backplane", "Capture", "HubNode", "JSON", "LivePage", "Loopback", "Preflight", "Redis", "Relay",
                "Replay", "SignalRClient",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: seldom),
        .target(
            name: "Bench",
            dependencies: [
                "Backplane", "Capture", "Loopback", "MCAP", "Preflight", "Redis", "Relay", "Time",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: seldom),
        .executableTarget(
            name: "backplane-relay",
            dependencies: [
                "Backplane", "Bench", "CLinux", "Capture", "Check", "Cryptography", "Demo", "Export", "Forward",
                "HTTPGuard", "HubNode", "JSON", "LivePage", "Loopback", "MCAP", "MessageLines", "Preflight", "Redis",
                "Relay", "Replay", "SignalRClient", "Time",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: seldom,
            // A tenth of the binary: nothing is exported, equal functions are there once. LLVM's linker comes with Swift.
            linkerSettings: [
                .unsafeFlags(
                    ["-use-ld=lld"]
                        + (["--no-export-dynamic", "--gc-sections", "--icf=safe", "-O2"]
                        + (packsRelocations ? ["-z", "pack-relative-relocs"] : [])).flatMap { ["-Xlinker", $0] },
                    .when(configuration: .release))
            ],
            plugins: ["BuildCommit", "EmbedText"]),
        // A test target, so that a plain `swift build` leaves it out.
        .testTarget(
            name: "TestSupport",
            dependencies: [
                "Backplane", "Redis",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            path: "Tests/TestSupport", resources: [.copy("Shims")], swiftSettings: house),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "TestSupport"], swiftSettings: house),
        .testTarget(name: "TimeTests", dependencies: ["TestSupport", "Time"], swiftSettings: house),
        .testTarget(
            name: "BackplaneTests", dependencies: ["Backplane", "JSON", "TestSupport"],
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
                .product(name: "Hummingbird", package: "hummingbird"),
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
                "Redis", "TestSupport", "Time", "TLS",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["Replication/Golden"],
            swiftSettings: house),
        .testTarget(
            name: "CaptureTests", dependencies: ["Backplane", "Capture", "JSON", "MCAP", "TestSupport", "Time"],
            exclude: ["Golden"],
            swiftSettings: house),
        .testTarget(
            name: "MessageLinesTests", dependencies: ["Backplane", "Capture", "MessageLines", "Time"],
            swiftSettings: house),
        .testTarget(
            name: "RelayTests",
            dependencies: [
                "Backplane", "Capture", "Cryptography", "MCAP", "Preflight", "Prometheus", "Redis", "Relay",
                "TestSupport", "Time",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "LivePageTests",
            dependencies: [
                "Backplane", "Capture", "Cryptography", "JSON", "LivePage", "Preflight", "Prometheus", "Redis",
                "Relay", "TestSupport", "Time",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "ForwardTests", dependencies: ["Backplane", "Forward", "Redis"], swiftSettings: house),
        .testTarget(
            name: "PreflightTests", dependencies: ["Backplane", "Capture", "Preflight", "Redis", "TestSupport"],
            swiftSettings: house),
        .testTarget(
            name: "DocumentationTests",
            dependencies: [
                "Backplane", "backplane-relay", "HubNode", "JSON", "Preflight", "Redis", "SignalRClient", "TestSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "ReplayTests",
            dependencies: [
                "Backplane", "Capture", "Redis", "Replay", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "ExportTests",
            dependencies: [
                "Backplane", "Capture", "Cryptography", "Export",
            ],
            swiftSettings: house),
        .testTarget(
            name: "HubNodeTests",
            dependencies: [
                "Backplane", "HubNode", "Prometheus", "Redis", "TestSupport",
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
                "backplane-relay", "HTTPGuard", "LivePage", "Preflight", "Redis", "TLS",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "Backplane", "Bench", "Check", "Demo", "HubNode", "JSON", "Loopback", "Prometheus", "Redis", "Relay",
                "SignalRClient", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: house),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "Backplane", "backplane-relay", "Bench", "Capture", "Check", "Cryptography", "Demo", "Forward",
                "HubNode", "JSON", "Loopback", "MCAP", "Preflight", "Prometheus", "Redis", "Relay", "Replay",
                "SignalRClient", "TestSupport", "Time",
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
                "Backplane", "backplane-relay", "Redis", "TestSupport",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["run"], swiftSettings: house),
    ],
    swiftLanguageModes: [.v6]
)
