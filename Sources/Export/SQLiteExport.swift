import Backplane
package import Capture

/// A capture as a SQLite database: `envelopes` with unchanged payloads, `messages`, `events`, with indexes, and a view
/// `calls` that joins envelopes and messages.
///
/// Times are nanoseconds since 1970 in columns `..._ns`; `received_at` and `created_at` show them as text.
package struct SQLiteExport {
    private let database: SQLiteDatabase
    private let envelope: SQLiteStatement
    private let message: SQLiteStatement
    private let event: SQLiteStatement

    /// SQLite could not write.
    package struct DatabaseFailure: Error, CustomStringConvertible {
        let path: String
        /// SQLite's message; contains no values.
        let reason: String

        package var description: String { "cannot write to '\(path)': \(reason)" }
    }

    /// Creates the database and lets `body` append; then builds the indexes. Memory use is limited to a page cache.
    ///
    /// - Parameter path: of a file that does not exist or is empty.
    /// - Throws: ``DatabaseFailure`` if it cannot be written, and errors of `body`; the file is then useless.
    package static func write(to path: String, _ body: (SQLiteExport) throws -> Void) throws {
        do {
            let database = try SQLiteDatabase(path: path)
            // The file gets its name when complete: a journal would protect data that is not kept.
            try database.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE")
            try database.execute("BEGIN IMMEDIATE")
            try database.execute(schema)
            try body(SQLiteExport(database))
            try database.execute(indexes)
            try database.execute("COMMIT")
        } catch let error as SQLiteError {
            throw DatabaseFailure(path: path, reason: error.reason)
        }
    }

    private init(_ database: SQLiteDatabase) throws {
        self.database = database
        envelope = try database.prepare(
            """
            INSERT INTO envelopes (channel, id, received_ns, created_ns, payload, error, redis_channel)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """)
        message = try database.prepare(
            """
            INSERT INTO messages
            (envelope, position, source, signal, kind, hub, method, value, command_id, wait_for_ack, is_ack, filter,
             target)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        event = try database.prepare(
            """
            INSERT INTO events (time_ns, event, channel, from_id, to_id, cause, envelopes, json)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """)
    }

    /// Adds an envelope with its messages, or an event.
    ///
    /// - Throws: `SQLiteError`, which ``write(to:_:)`` turns into a ``DatabaseFailure``.
    package func append(_ item: CaptureItem) throws {
        switch item {
        case .envelope(let envelope): try append(envelope)
        case .event(let event, let time): try append(event, at: time)
        }
    }

    private func append(_ captured: CapturedEnvelope) throws {
        let row = EnvelopeRow(captured)
        try envelope.execute(
            .text(captured.channel), row.id.map(Self.number) ?? .null,
            .integer(Int64(bitPattern: captured.receivedAt)), row.createdAt.map { .integer($0) } ?? .null,
            .blob(row.payload), SQLiteValue(row.error), SQLiteValue(row.redisChannel))
        let number = database.lastInsertedRow
        for (position, message) in row.messages.enumerated() { try append(message, of: number, at: Int64(position)) }
    }

    private func append(_ row: MessageRow, of envelope: Int64, at position: Int64) throws {
        let value: SQLiteValue =
            switch row.value {
            case .none: .null
            case .text(let text): .text(text)
            case .bytes(let bytes): .blob(bytes)
            }
        try message.execute(
            .integer(envelope), .integer(position), Self.text(row.source), Self.text(row.signal), .text(row.kind),
            SQLiteValue(row.hub), SQLiteValue(row.method), value, Self.text(row.commandID),
            row.waitForAck.map { SQLiteValue($0) } ?? .null, SQLiteValue(row.isAck), Self.text(row.filter),
            Self.text(row.target))
    }

    private func append(_ captured: CaptureEvent, at time: UInt64) throws {
        try event.execute(
            .integer(Int64(bitPattern: time)), .text(captured.event), SQLiteValue(captured.channel),
            captured.from.map(Self.number) ?? .null, captured.to.map(Self.number) ?? .null,
            SQLiteValue(captured.cause ?? captured.reason),
            captured.envelopes.map { .integer(Int64($0)) } ?? .null,
            .text(String(decoding: captured.json(), as: UTF8.self)))
    }

    /// An id that sorts correctly in SQLite; beyond the range of its integers, which no Redis counter reaches, as text.
    private static func number(_ id: UInt64) -> SQLiteValue {
        Int64(exactly: id).map { .integer($0) } ?? .text("\(id)")
    }

    /// NULL if nil.
    private static func text(_ text: String?) -> SQLiteValue {
        text.flatMap { $0.isEmpty ? nil : .text($0) } ?? .null
    }

    private static let schema = """
        CREATE TABLE envelopes (
            row INTEGER PRIMARY KEY,
            channel TEXT NOT NULL,
            id,
            received_ns INTEGER NOT NULL,
            received_at TEXT AS (strftime('%Y-%m-%dT%H:%M:%fZ', received_ns / 1e9, 'unixepoch')),
            created_ns INTEGER,
            created_at TEXT AS (strftime('%Y-%m-%dT%H:%M:%fZ', created_ns / 1e9, 'unixepoch')),
            payload BLOB NOT NULL,
            error TEXT,
            redis_channel TEXT
        );
        CREATE TABLE messages (
            envelope INTEGER NOT NULL REFERENCES envelopes,
            position INTEGER NOT NULL,
            source TEXT,
            signal TEXT,
            kind TEXT NOT NULL,
            hub TEXT,
            method TEXT,
            value,
            command_id TEXT,
            wait_for_ack INTEGER,
            is_ack INTEGER NOT NULL,
            filter TEXT,
            target TEXT,
            PRIMARY KEY (envelope, position)
        ) WITHOUT ROWID;
        CREATE TABLE events (
            row INTEGER PRIMARY KEY,
            time_ns INTEGER NOT NULL,
            time TEXT AS (strftime('%Y-%m-%dT%H:%M:%fZ', time_ns / 1e9, 'unixepoch')),
            event TEXT NOT NULL,
            channel TEXT,
            from_id,
            to_id,
            cause TEXT,
            envelopes INTEGER,
            json TEXT NOT NULL
        );
        CREATE VIEW calls AS
            SELECT channel, id, received_at, (received_ns - created_ns) / 1e6 AS latency_ms,
                source, signal, kind, hub, method, value, redis_channel, target
            FROM envelopes JOIN messages ON envelope = row
        """

    private static let indexes = """
        CREATE INDEX envelopes_id ON envelopes (channel, id);
        CREATE INDEX envelopes_received ON envelopes (received_ns);
        CREATE INDEX messages_signal ON messages (signal);
        CREATE INDEX messages_target ON messages (target);
        CREATE INDEX messages_call ON messages (hub, method);
        CREATE INDEX events_time ON events (time_ns)
        """
}
