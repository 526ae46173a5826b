import ArgumentParser
import Capture
import MCAP
import Replay
import Time

/// `64MiB`, `10GB`, `4096`: bytes.
struct ByteSize: ExpressibleByArgument {
    let bytes: Int

    init(bytes: Int) {
        self.bytes = bytes
    }

    init?(argument: String) {
        let units: [(String, Int)] = [
            ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
            ("kB", 1_000), ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
            ("B", 1), ("", 1),
        ]
        guard let (unit, factor) = units.first(where: { argument.hasSuffix($0.0) }),
            let number = Int(argument.dropLast(unit.count)), number > 0
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    /// - Throws: `ValidationError` if it is smaller.
    func require(atLeast floor: ByteSize, _ option: String, because: String) throws {
        guard bytes < floor.bytes else { return }
        throw ValidationError("\(option): \(because); \(floor.defaultValueDescription) or more")
    }

    var defaultValueDescription: String {
        for (unit, factor) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] where bytes % factor == 0 {
            return "\(bytes / factor)\(unit)"
        }
        return "\(bytes)"
    }
}

extension TimeSpan: ExpressibleByArgument {
    /// - Returns: nil if it is not a time with its unit, such as `20s`.
    package init?(argument: String) { self.init(argument) }

    /// As it is written on the command line.
    package var defaultValueDescription: String { description }

    /// - Throws: `ValidationError` if it is outside.
    func require(_ range: ClosedRange<TimeSpan>, _ option: String) throws {
        guard self < range.lowerBound || self > range.upperBound else { return }
        throw ValidationError("\(option): a time from \(range.lowerBound) to \(range.upperBound)")
    }
}

/// `127.0.0.1:9464`, `[::1]:9464`, `:9464`.
struct ListenAddress: ExpressibleByArgument {
    let host: String
    let port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    init?(argument: String) {
        guard let colon = argument.lastIndex(of: ":"), let port = Int(argument[argument.index(after: colon)...]),
            (0...65535).contains(port)
        else { return nil }
        var host = argument[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        self.host = host.isEmpty ? "0.0.0.0" : String(host)
        self.port = port
    }

    var defaultValueDescription: String { "\(host):\(port)" }
}

enum CompressionName: String, ExpressibleByArgument, CaseIterable {
    case zstd
    case none
}

/// `never`, `flush`, or a span of time.
struct FsyncPolicy: ExpressibleByArgument {
    let durability: Durability

    init(_ durability: Durability) {
        self.durability = durability
    }

    init?(argument: String) {
        switch argument {
        case "never": durability = .never
        case "flush": durability = .eachFlush
        default:
            guard let span = TimeSpan(argument: argument) else { return nil }
            durability = .interval(nanoseconds: span.nanoseconds)
        }
    }

    var defaultValueDescription: String {
        switch durability {
        case .never: "never"
        case .eachFlush: "flush"
        case .interval(let nanoseconds): TimeSpan(nanoseconds: nanoseconds).defaultValueDescription
        }
    }
}

/// `1`, `2.5`, `max`.
struct SpeedArgument: ExpressibleByArgument {
    let speed: ReplaySchedule.Speed

    init(_ speed: ReplaySchedule.Speed) {
        self.speed = speed
    }

    init?(argument: String) {
        if argument == "max" {
            speed = .maximum
        } else if let factor = Double(argument.hasSuffix("x") ? String(argument.dropLast()) : argument), factor.isFinite
        {
            speed = .times(factor)
        } else {
            return nil
        }
    }

    /// The caller names the option in the error.
    func validate(_ option: String = "--speed") throws {
        if case .times(let factor) = speed, !(0.001...1_000).contains(factor) {
            throw ValidationError("\(option): a factor from 0.001 to 1000, or max")
        }
    }

    var defaultValueDescription: String {
        switch speed {
        case .times(let factor): "\(factor)"
        case .rate(let rate): "\(rate)/s"
        case .maximum: "max"
        }
    }
}
