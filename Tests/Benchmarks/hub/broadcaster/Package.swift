// swift-tools-version: 6.2
import PackageDescription

// Of its own, so that the product's package knows nothing of it; swift-nio as the product has it.
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
