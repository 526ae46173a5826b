public import Capture
import Foundation
import GRDB
import SignalRBackplane

/// A capture as a SQLite database: `envelopes` with payloads as they are, `messages`, `events`, with indexes, and a view
/// `calls` of envelopes and their messages.
///
/// Times are nanoseconds since 1970 in columns `..._ns`; `received_at` and `created_at` show them as text.
public struct SQLiteExport {
    private let database: Database
    private let envelope: Statement
    private let message: Statement
    private let event: Statement

    /// SQLite could not write.
    public struct DatabaseFailure: Error, CustomStringConvertible {
        let path: String
        /// In SQLite's own words; no values are in it.
        let reason: String

        public var description: String { "cannot write to '\(path)': \(reason)" }
    }

    /// Makes the database and lets `body` append; then the indexes are built. In memory there is a page cache only.
    ///
    /// - Parameter path: of a file that does not exist or is empty.
    /// - Throws: ``DatabaseFailure`` if it cannot be written, and what `body` throws; then the file is of no use.
    public static func write(to path: String, _ body: (SQLiteExport) throws -> Void) throws {
        var configuration = Configuration()
        // The file gets its name when it is complete: a journal would protect what nobody keeps.
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE")
        }
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.write { database in
                try database.execute(sql: schema)
                try body(SQLiteExport(database))
                try database.execute(sql: indexes)
            }
            try queue.close()
        } catch let error as DatabaseError {
            throw DatabaseFailure(path: path, reason: error.message ?? "\(error.resultCode)")
        }
    }

    private init(_ database: Database) throws {
        self.database = database
        envelope = try database.makeStatement(
            sql: """
                INSERT INTO envelopes (channel, id, received_ns, created_ns, payload, error) VALUES (?, ?, ?, ?, ?, ?)
                """)
        message = try database.makeStatement(
            sql: """
                INSERT INTO messages
                (envelope, position, source, signal, kind, hub, method, value, command_id, wait_for_ack, is_ack, filter)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        event = try database.makeStatement(
            sql: """
                INSERT INTO events (time_ns, event, channel, from_id, to_id, cause, envelopes, json)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """)
    }

    public func append(_ item: CaptureItem) throws {
        switch item {
        case .envelope(let envelope): try append(envelope)
        case .event(let event, let time): try append(event, at: time)
        }
    }

    private func append(_ captured: CapturedEnvelope) throws {
        let payload = Data(captured.payload)
        let received = Int64(bitPattern: captured.receivedAt)
        let created: Int64?
        do {
            // Walked twice, so that an envelope that does not decode to its end has no messages.
            var check = try EnvelopeWalk(captured.payload)
            while try check.next() != nil {}
            created = DotNetTicks(rawValue: check.createdTicks).unixNanoseconds
        } catch {
            let id = try? EnvelopeID.parse(captured.payload).id
            try envelope.execute(arguments: [
                captured.channel, id.map(Self.number), received, nil, payload, error.description,
            ])
            return
        }
        var walk = try EnvelopeWalk(captured.payload)
        try envelope.execute(arguments: [captured.channel, Self.number(walk.id), received, created, payload, nil])
        let row = database.lastInsertedRowID
        var position = 0
        while let view = try walk.next() {
            try append(view, of: row, at: position)
            position += 1
        }
    }

    private func append(_ view: MessageView, of row: Int64, at position: Int) throws {
        let call = HubInvocation(scanning: view.value)
        let value: (any DatabaseValueConvertible) =
            String(validating: view.value, as: UTF8.self) ?? Data(view.value)
        try message.execute(arguments: [
            row, position, Self.text(view.source), Self.text(view.key), view.kind.label, call?.hubName,
            call?.methodName, value, Self.text(view.commandID), view.waitForAck, view.isAck, Self.text(view.filter),
        ])
    }

    private func append(_ captured: CaptureEvent, at time: UInt64) throws {
        try event.execute(arguments: [
            Int64(bitPattern: time), captured.event, captured.channel, captured.from.map(Self.number),
            captured.to.map(Self.number), captured.cause ?? captured.reason, captured.envelopes,
            String(decoding: captured.json(), as: UTF8.self),
        ])
    }

    /// An id as SQLite orders it; one beyond its integers, which no counter of Redis reaches, as text.
    private static func number(_ id: UInt64) -> any DatabaseValueConvertible {
        if let id = Int64(exactly: id) { id } else { "\(id)" }
    }

    /// nil if there is none.
    private static func text(_ bytes: UnsafeRawBufferPointer) -> String? {
        bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
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
            error TEXT
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
            wait_for_ack INTEGER NOT NULL,
            is_ack INTEGER NOT NULL,
            filter TEXT,
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
                source, signal, kind, hub, method, value
            FROM envelopes JOIN messages ON envelope = row
        """

    private static let indexes = """
        CREATE INDEX envelopes_id ON envelopes (channel, id);
        CREATE INDEX envelopes_received ON envelopes (received_ns);
        CREATE INDEX messages_signal ON messages (signal);
        CREATE INDEX messages_call ON messages (hub, method);
        CREATE INDEX events_time ON events (time_ns)
        """
}
