import DequeModule
import NIOCore

/// The pending messages for one client, in order, and the flags of the next frame.
struct Outbox {
    private struct Item {
        let id: UInt64
        /// Nil if it only advances the cursor: a command, or a message that excludes this client.
        let value: ByteBuffer?
    }

    private var items: Deque<Item> = []
    private(set) var byteCount = 0
    /// The last envelope that was sent, or that the client is known to have.
    private(set) var cursor: UInt64
    var initialized = false
    var reconnect = false
    var groupsChanged = false

    init(cursor: UInt64) {
        self.cursor = cursor
    }

    var count: Int { items.count }

    /// True if there is nothing to send.
    var isIdle: Bool { items.isEmpty && !initialized && !reconnect && !groupsChanged }

    mutating func append(id: UInt64, value: ByteBuffer?) {
        items.append(Item(id: id, value: value))
        byteCount += value?.readableBytes ?? 0
    }

    /// An envelope was sent directly, bypassing the idle outbox.
    mutating func sentDirectly(id: UInt64) {
        cursor = id
    }

    /// Removes the next frame. An envelope is never split between two frames: its id could not tell which half arrived.
    ///
    /// - Parameters:
    ///   - limit: maximum number of messages.
    ///   - maximum: no message is added beyond these bytes; the first one may be larger.
    ///   - groupsToken: evaluated if the groups have changed.
    mutating func nextFrame(messages limit: Int, bytes maximum: Int = .max, groupsToken: () -> String) -> Frame {
        var frame = Frame(cursor: cursor)
        var previous: UInt64?
        var taken = 0
        while let item = items.first {
            let size = item.value?.readableBytes ?? 0
            let hasRoom = frame.messages.count < limit && (frame.messages.isEmpty || size <= maximum - taken)
            guard hasRoom || item.id == previous || item.value == nil else { break }
            items.removeFirst()
            if let value = item.value {
                frame.messages.append(value)
                byteCount -= size
                taken += size
            }
            previous = item.id
            frame.cursor = item.id
        }
        frame.initialized = initialized
        frame.reconnect = reconnect
        if groupsChanged { frame.groupsToken = groupsToken() }
        initialized = false
        reconnect = false
        groupsChanged = false
        cursor = frame.cursor
        return frame
    }

    /// Resets to the cursor of a reconnecting client.
    ///
    /// - Parameters:
    ///   - id: the client's cursor.
    ///   - missed: frames sent after it and lost.
    mutating func rewind(to id: UInt64, missed: Outbox) {
        var rewound = missed
        rewound.cursor = id
        for item in items where item.id > id { rewound.append(id: item.id, value: item.value) }
        rewound.initialized = rewound.initialized || initialized
        rewound.reconnect = reconnect
        rewound.groupsChanged = rewound.groupsChanged || groupsChanged
        self = rewound
    }
}
