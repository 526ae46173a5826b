import ArgumentParser
import Replay

/// `reissue`, `rebase`, `preserve`.
struct IDsArgument: ExpressibleByArgument {
    static let allValueStrings = ReplayOptions.IDs.allCases.map(\.rawValue)

    let ids: ReplayOptions.IDs

    init(_ ids: ReplayOptions.IDs) {
        self.ids = ids
    }

    init?(argument: String) {
        guard let ids = ReplayOptions.IDs(rawValue: argument) else { return nil }
        self.ids = ids
    }

    var defaultValueDescription: String { ids.rawValue }
}
