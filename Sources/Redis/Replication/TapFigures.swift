/// What a tap has read since it was created.
package struct TapFigures: Sendable, Equatable {
    /// Kinds of commands in the stream.
    package enum CommandClass: String, Sendable, CaseIterable {
        /// PUBLISH of a wanted channel.
        case publish
        /// PUBLISH of another channel.
        case otherPublish = "other_publish"
        /// SPUBLISH, which is for the nodes of a cluster.
        case shardPublish = "spublish"
        /// PING, by which a master shows that it is alive.
        case ping
        /// SELECT, MULTI, EXEC.
        case framing
        /// REPLCONF.
        case control = "replconf"
        /// Any other one: writes to keys, of which nothing is kept.
        case other
    }

    /// Commands read, by class.
    package internal(set) var commands = CommandCounts()
    /// Bytes of the stream read.
    package internal(set) var streamBytes: Int64 = 0
    /// Bytes of full syncs, skipped.
    package internal(set) var transferBytes: Int64 = 0
    /// When bytes last came from the server, nanoseconds since 1970; 0 for never.
    package internal(set) var lastReadAt: UInt64 = 0
    /// Attachments after a full sync.
    package internal(set) var fullSyncs = 0
    /// Attachments without.
    package internal(set) var partialSyncs = 0
    /// Whether it is attached now.
    package internal(set) var isAttached = false

    /// All zero.
    package init() {}
}

/// Numbers of commands by class.
package struct CommandCounts: Sendable, Equatable {
    private var publish = 0
    private var otherPublish = 0
    private var shardPublish = 0
    private var ping = 0
    private var framing = 0
    private var control = 0
    private var other = 0

    /// All zero.
    package init() {}

    /// Commands of clients: all but a master's own PING and REPLCONF.
    var writes: Int { publish + otherPublish + shardPublish + framing + other }

    /// Those of one class.
    package subscript(kind: TapFigures.CommandClass) -> Int {
        get {
            switch kind {
            case .publish: publish
            case .otherPublish: otherPublish
            case .shardPublish: shardPublish
            case .ping: ping
            case .framing: framing
            case .control: control
            case .other: other
            }
        }
        set {
            switch kind {
            case .publish: publish = newValue
            case .otherPublish: otherPublish = newValue
            case .shardPublish: shardPublish = newValue
            case .ping: ping = newValue
            case .framing: framing = newValue
            case .control: control = newValue
            case .other: other = newValue
            }
        }
    }
}
