import Foundation
import TestSupport

/// A separate network namespace, with one cable for the relay and one for the publisher.
struct Network: Sendable {
    /// Name of the namespace.
    let name: String
    /// Addresses inside the namespace, each at the end of its own cable.
    let publisherSide: String
    let relaySide: String
    private let relayCable: String

    static func with<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: (Network) async throws -> Value
    ) async throws -> Value {
        // 198.18.0.0/15 is reserved for network tests (RFC 2544).
        let number = Int.random(in: 0..<16_384)
        let prefix = "198.\(18 + number / 8_192).\(number / 32 % 256)."
        let first = number % 32 * 8
        let tag = String(UInt32.random(in: 0...UInt32.max), radix: 36)
        let network = Network(
            name: "fault-\(tag)", publisherSide: prefix + "\(first + 2)", relaySide: prefix + "\(first + 6)",
            relayCable: "fr\(tag)")
        do {
            try await run(.ip, ["netns", "add", network.name])
            try await network.lay("fp\(tag)", from: prefix + "\(first + 1)", to: network.publisherSide)
            try await network.lay(network.relayCable, from: prefix + "\(first + 5)", to: network.relaySide)
            let value = try await body(network)
            try await network.remove()
            return value
        } catch {
            try? await network.remove()
            throw error
        }
    }

    /// From now on every packet on the relay's cable is lost, in both directions.
    func cut() async throws {
        try await Self.run(.tc, ["qdisc", "replace", "dev", relayCable, "root", "blackhole"])
        try await Self.run(.tc, ["-n", name, "qdisc", "replace", "dev", "\(relayCable)i", "root", "blackhole"])
    }

    func heal() async throws {
        try await Self.run(.tc, ["qdisc", "del", "dev", relayCable, "root"])
        try await Self.run(.tc, ["-n", name, "qdisc", "del", "dev", "\(relayCable)i", "root"])
    }

    private func lay(_ cable: String, from outside: String, to inside: String) async throws {
        try await Self.run(.ip, ["link", "add", cable, "type", "veth", "peer", "name", "\(cable)i", "netns", name])
        try await Self.run(.ip, ["addr", "add", outside + "/30", "dev", cable])
        try await Self.run(.ip, ["link", "set", cable, "up"])
        try await Self.run(.ip, ["-n", name, "addr", "add", inside + "/30", "dev", "\(cable)i"])
        try await Self.run(.ip, ["-n", name, "link", "set", "\(cable)i", "up"])
    }

    /// The cables are removed with the namespace that contains their other ends.
    private func remove() async throws {
        try await Self.run(.ip, ["netns", "del", name])
    }

    private static func run(_ tool: Tool, _ arguments: [String]) async throws {
        let done = try await Finished.running(tool, arguments, within: .seconds(20))
        guard done.exit == .code(0) else {
            throw TestFailure("\(tool.rawValue) \(arguments.joined(separator: " ")): \(done.errors)")
        }
    }
}
