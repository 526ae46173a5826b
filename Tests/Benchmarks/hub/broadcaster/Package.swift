// swift-tools-version: 6.2
import PackageDescription

// A separate package, so that the product's package does not depend on it; with the product's version of swift-nio.
let package = Package(
    name: "broadcaster",
    dependencies: [.package(url: "https://github.com/apple/swift-nio", from: "2.101.2")],
    targets: [
        .executableTarget(
            name: "broadcaster",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ],
            path: ".", sources: ["main.swift"])
    ],
    swiftLanguageModes: [.v6]
)
