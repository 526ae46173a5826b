import ArgumentParser
import Capture
import Forward
import HubNode
import Loopback
import Preflight
import Redis
import Relay
import Replay
import SignalRClient

/// An error that names options of the command line.
struct ExplainedError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Maps errors of the modules, which do not know the options, to the option that resolves them.
enum OptionNames {
    /// The connection that an error is about.
    enum Address {
        case redis
        /// Of `replay`.
        case to
        case forward
    }

    /// The error's own text with the options added.
    static func explained(_ error: any Error, address: Address = .redis) -> String {
        guard let options = options(for: error, address: address) else { return "\(error)" }
        return isAboutFile(error) ? "\(options): \(error)" : "\(error) (\(options))"
    }

    /// Errors about the value of an option begin with the option, like the parser's errors.
    private static func isAboutFile(_ error: any Error) -> Bool {
        switch error {
        case RelayError.badWebToken, RelayError.badCertificate, SignalRClientError.badAuthorities: true
        default: false
        }
    }

    static func explained(_ finding: PreflightFinding) -> String {
        let options: String? =
            switch finding.setting {
            case .connection(let settings): names(of: settings, .redis)
            case .minimumFreeDisk: "--min-free-disk"
            case .buffer: "--buffer"
            case .core(let prefix): "use \(CoreOptions.arguments(prefix: prefix))"
            case .eventKey(let key): "use --channel \(ShellWord.quoted(key))"
            case .prefix(let prefix): "did you mean --channel-prefix \(ShellWord.quoted(prefix))?"
            case .hub(let hub): CoreOptions.arguments(hub)
            case .hubNames: "--core-hub, --max-channel-scan"
            case .manyPatterns: "--core-hub, or --yes"
            case .exclusion: "--core-exclude"
            case .connections: "--core-connections"
            case .tap(let error): options(for: error)
            case .tapFallback: "--tap=prefer subscribes instead"
            case nil: nil
            }
        return finding.text + (options.map { " (\($0))" } ?? "")
    }

    /// - Parameter address: the option with the address of the Redis, for the command that fails with it.
    /// - Returns: the error itself if there is no option to name.
    static func explaining(_ error: any Error, address: Address) -> any Error {
        guard options(for: error, address: address) != nil else { return error }
        return ExplainedError(explained(error, address: address))
    }

    private static func options(for error: any Error, address: Address) -> String? {
        switch error {
        case let error as RedisError: names(of: error.missing, address)
        case ForwardError.targetIsSource: "--forward-channel"
        case ForwardError.targetIsSourceHub: "--forward-map-prefix, --forward-map-hub"
        case RelayError.cannotListen, HubNodeError.cannotListen: "--listen"
        case RelayError.badWebToken: "--web-token-file"
        case RelayError.badCertificate: "--tls-cert, --tls-key"
        case SignalRClientError.badAuthorities: "--hub-ca-file"
        case let error as SetupError:
            switch error.setting {
            case .listenAddress: "--listen"
            case .directory: "--record"
            case .nodes: "--hub-url"
            case .connection(let settings): names(of: settings, address)
            case nil: nil
            }
        case is CaptureAlignment.ClocksDiffer: "--horizon"
        case let error as ReplayError: options(for: error)
        case let error as TapError: options(for: error)
        default: nil
        }
    }

    private static func options(for error: TapError) -> String? {
        switch error {
        case .refused(_, [.masterOfSeveral]):
            "--prefer replica; --tap=prefer subscribes instead; --tap=force taps the master"
        case .refused(_, let reasons) where reasons.allSatisfy(\.isOverridable): "--tap=force"
        case .refused: "--tap=prefer subscribes instead"
        case .consentNeeded(_, let bytes, _): "--tap-full-sync-limit" + (bytes == nil ? " any" : "")
        case .notOffered, .unexpected: "--tap=prefer subscribes instead"
        case .tooSoon: nil
        }
    }

    private static func options(for error: ReplayError) -> String? {
        switch error {
        case .targetIsSource: "--map-channel, --allow-source"
        case .targetIsSourceHub: "--map-prefix, --map-hub, --allow-source"
        case .allLeftOut: "--include"
        case .noEventKey: "--to-channel; --map-prefix, --map-hub"
        case .someoneListens: "--yes; --dry-run shows what would be done"
        case .idsRefused(_, let remedies) where !remedies.isEmpty:
            remedies.map { $0 == .rebase ? "--ids rebase" : "--force" }.joined(separator: ", ")
        default: nil
        }
    }

    private static func names(of settings: [ConnectionSetting], _ address: Address) -> String? {
        let names = settings.flatMap { options(for: $0, address) }
        return names.isEmpty ? nil : names.joined(separator: ", ")
    }

    private static func options(for setting: ConnectionSetting, _ address: Address) -> [String] {
        switch (setting, address) {
        case (.password, .redis): [EnvironmentOptions.prefix + "REDIS", "--redis-password-file"]
        case (.password, .to): [EnvironmentOptions.prefix + "TO", "--redis-password-file"]
        case (.password, .forward): [EnvironmentOptions.prefix + "FORWARD", "--forward-password-file"]
        case (.authorities, .redis), (.authorities, .to): ["--redis-ca-file"]
        case (.authorities, .forward): ["--forward-ca-file"]
        case (.serverName, .redis), (.serverName, .to): ["--redis-server-name"]
        case (.clientCertificate, .redis), (.clientCertificate, .to): ["--redis-cert-file", "--redis-key-file"]
        // A forward target has no options for these.
        case (.serverName, .forward), (.clientCertificate, .forward): []
        }
    }
}
