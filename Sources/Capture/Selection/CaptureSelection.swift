package import Backplane

/// Which envelopes of a capture, or of live traffic, are wanted.
///
/// All that is set must fit; of several values of one property one must. What is said of messages (``hubs`` and below)
/// must fit one and the same message of the envelope, so an envelope that does not decode is wanted only where nothing
/// is said of messages. ``EnvelopeMatcher`` decides.
package struct CaptureSelection: Sendable, Equatable {
    /// Nothing is left out.
    package static let all = CaptureSelection()

    /// Earliest time of receipt, nanoseconds since 1970.
    package var from: UInt64?
    /// Time of receipt before which envelopes are wanted.
    package var until: UInt64?
    /// First and last id, both included. An envelope without an id is then not wanted.
    package var fromID: UInt64?
    package var untilID: UInt64?
    /// Event keys and hubs (prefix and type), by their bytes; empty for all.
    package var channels: Set<OrdinalName>

    /// Hub names: of the signal, or of the call where the signal names none; of ASP.NET Core the full type name or the name
    /// of the class. Case does not matter, as to nodes.
    package var hubs: [String]
    /// Names of client methods that are called; case does not matter.
    package var methods: [String]
    /// Signals, or Redis channels of ASP.NET Core, in which `*` stands for any text and `?` for one character; case does not matter, as to nodes.
    package var signals: [String]
    /// Empty for all.
    package var kinds: Set<EnvelopeKind>
    /// Who sent it: connection ids; of a group command of ASP.NET Core the node.
    package var sources: [String]
    /// Names of groups, users and connections that it is for, or that a group command is about; of SignalR 2 case does not
    /// matter, as to nodes.
    package var groups: [String]
    package var users: [String]
    package var connections: [String]
    /// Text in values, as it is or as JSON escapes it.
    package var texts: [String]
    /// Percent of all signals or Redis channels, the same ones in every capture, so that a group is there whole or not at all.
    package var samplePercent: Double?

    package init(
        from: UInt64? = nil, until: UInt64? = nil, fromID: UInt64? = nil, untilID: UInt64? = nil,
        channels: Set<OrdinalName> = [], hubs: [String] = [], methods: [String] = [], signals: [String] = [],
        kinds: Set<EnvelopeKind> = [], sources: [String] = [], texts: [String] = [], groups: [String] = [],
        users: [String] = [], connections: [String] = [], samplePercent: Double? = nil
    ) {
        self.from = from
        self.until = until
        self.fromID = fromID
        self.untilID = untilID
        self.channels = channels
        self.hubs = hubs
        self.methods = methods
        self.signals = signals
        self.kinds = kinds
        self.sources = sources
        self.texts = texts
        self.groups = groups
        self.users = users
        self.connections = connections
        self.samplePercent = samplePercent
    }

    /// True if a summary can tell that chunks need not be read.
    var canSkipChunks: Bool { from != nil || until != nil || !channels.isEmpty }
}
