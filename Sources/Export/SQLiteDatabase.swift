import CSQLite

/// SQLite's message about a failed call; contains no values.
struct SQLiteError: Error {
    let reason: String
}

/// A value for a column.
enum SQLiteValue {
    case null
    case integer(Int64)
    case text(String)
    /// Bytes unchanged, also for a text column.
    case blob(UnsafeRawBufferPointer)

    init(_ text: String?) { self = text.map { .text($0) } ?? .null }

    init(_ flag: Bool) { self = .integer(flag ? 1 : 0) }
}

/// A connection to a database, for use by one thread: the few functions of SQLite's C interface that an export needs
/// (<https://www.sqlite.org/c3ref/intro.html>).
final class SQLiteDatabase {
    private let handle: OpaquePointer

    /// - Throws: ``SQLiteError`` if the file cannot be opened.
    init(path: String) throws(SQLiteError) {
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let opened else {
            defer { sqlite3_close_v2(opened) }
            throw SQLiteError(reason: String(cString: opened.map { sqlite3_errmsg($0) } ?? sqlite3_errstr(code)))
        }
        handle = opened
    }

    deinit {
        // Waits for open statements.
        sqlite3_close_v2(handle)
    }

    /// The row of the last INSERT.
    var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(handle) }

    /// - Parameter sql: statements without parameters, separated by semicolons.
    func execute(_ sql: String) throws(SQLiteError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw lastError }
    }

    /// - Parameter sql: one statement.
    func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        var prepared: OpaquePointer?
        guard sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil) == SQLITE_OK,
            let prepared
        else { throw lastError }
        return SQLiteStatement(prepared, of: self)
    }

    fileprivate var lastError: SQLiteError { SQLiteError(reason: String(cString: sqlite3_errmsg(handle))) }
}

/// A statement that is executed repeatedly with different values.
final class SQLiteStatement {
    private let handle: OpaquePointer
    private let database: SQLiteDatabase

    fileprivate init(_ handle: OpaquePointer, of database: SQLiteDatabase) {
        self.handle = handle
        self.database = database
    }

    deinit { sqlite3_finalize(handle) }

    /// - Parameter values: one per `?`, in order.
    func execute(_ values: SQLiteValue...) throws(SQLiteError) {
        for (index, value) in values.enumerated() { try bind(value, at: Int32(index + 1)) }
        let code = sqlite3_step(handle)
        // Before the reset, which would return the same error again.
        guard code == SQLITE_DONE || code == SQLITE_ROW else {
            let error = database.lastError
            sqlite3_reset(handle)
            throw error
        }
        sqlite3_reset(handle)
    }

    private func bind(_ value: SQLiteValue, at index: Int32) throws(SQLiteError) {
        // SQLITE_TRANSIENT: SQLite copies the bytes before the call returns.
        let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        let code =
            switch value {
            case .null: sqlite3_bind_null(handle, index)
            case .integer(let number): sqlite3_bind_int64(handle, index, number)
            case .text(var text):
                text.withUTF8 { utf8 in
                    // The pointer of an empty text may be nil, which would mean NULL.
                    utf8.isEmpty
                        ? sqlite3_bind_text(handle, index, "", 0, copied)
                        : utf8.withMemoryRebound(to: CChar.self) {
                            sqlite3_bind_text64(
                                handle, index, $0.baseAddress, UInt64($0.count), copied, UInt8(SQLITE_UTF8))
                        }
                }
            case .blob(let bytes):
                bytes.isEmpty
                    ? sqlite3_bind_zeroblob(handle, index, 0)
                    : sqlite3_bind_blob64(handle, index, bytes.baseAddress, UInt64(bytes.count), copied)
            }
        guard code == SQLITE_OK else { throw database.lastError }
    }
}
