import Forward
import HubNode
import Redis
import Relay
import Replay
import TLS
import Testing

@testable import backplane_relay

/// The option that a command adds to an error of a lower module.
@Suite struct OptionNamesTests {
    private static let endpoint = "redis:1"

    @Test(
        arguments: [
            (
                RedisError.tls(endpoint: endpoint, .unknownAuthority), "--redis-ca-file", "--redis-ca-file",
                "--forward-ca-file"
            ),
            (
                .tls(endpoint: endpoint, .wrongHost(expected: "redis")), "--redis-server-name", "--redis-server-name",
                nil
            ),
            (
                .tls(endpoint: endpoint, .clientCertificateDemanded), "--redis-cert-file, --redis-key-file",
                "--redis-cert-file, --redis-key-file", nil
            ),
            (
                .authenticationRequired(endpoint: endpoint), "BACKPLANE_RELAY_REDIS, --redis-password-file",
                "BACKPLANE_RELAY_TO, --redis-password-file", "BACKPLANE_RELAY_FORWARD, --forward-password-file"
            ),
            (
                .noneOf([.tls(endpoint: endpoint, .unknownAuthority), .tls(endpoint: "b:1", .unknownAuthority)]),
                "--redis-ca-file", "--redis-ca-file", "--forward-ca-file"
            ),
            (.loading(endpoint: endpoint), nil, nil, nil),
        ] as [(RedisError, String?, String?, String?)])
    func `a connection's options are those of its address`(
        error: RedisError, redis: String?, to: String?, forward: String?
    ) {
        for (address, options) in [(OptionNames.Address.redis, redis), (.to, to), (.forward, forward)] {
            let expected = "\(error)" + (options.map { " (\($0))" } ?? "")
            #expect(OptionNames.explained(error, address: address) == expected)
        }
    }

    @Test(
        arguments: [
            (ForwardError.targetIsSource(endpoint: "a"), "--forward-channel"),
            (RelayError.cannotListen(host: "h", port: 1, .inUse), "--listen"),
            (HubNodeError.cannotListen(address: "a", reason: "r"), "--listen"),
            (ReplayError.targetIsSource(endpoint: "a", channel: "c"), "--map-channel, --allow-source"),
            (ReplayError.idsRefused(reason: "r", remedies: [.rebase, .force]), "--ids rebase, --force"),
            (ReplayError.someoneListens("w"), "--yes; --dry-run shows what would be done"),
        ] as [(any Error & Sendable, String)])
    func `other options`(error: any Error & Sendable, options: String) {
        #expect("\(OptionNames.explaining(error, address: .redis))" == "\(error) (\(options))")
        #expect(!"\(error)".contains("--"))
    }

    @Test(
        arguments: [
            (RelayError.badWebToken(path: "p", reason: "r"), "--web-token-file: 'p' r;"),
            (.badCertificate(path: "p", reason: "r"), "--tls-cert, --tls-key: 'p' cannot be used for TLS: r"),
        ] as [(RelayError, String)])
    func `an option whose file is of no use stands in front`(error: RelayError, start: String) {
        #expect("\(OptionNames.explaining(error, address: .redis))".hasPrefix(start))
    }

    @Test func `an error without a setting is unchanged`() {
        let error = OptionNames.explaining(ReplayError.empty, address: .to)
        guard case ReplayError.empty = error else {
            Issue.record("\(error)")
            return
        }
    }
}
