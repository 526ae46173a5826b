import NIOCore
import Synchronization

extension RedisClient {
    /// Executes the commands as one transaction, between MULTI and EXEC.
    ///
    /// - Parameter onWrite: called before anything is sent: from then on the server may execute the commands.
    /// - Returns: the replies of the commands; any of them may be ``RESPValue/error(_:)``.
    /// - Throws: ``RedisError``, also if the server refuses a command when it is queued: then it has executed none. If it
    ///   refuses MULTI, the commands are executed without a transaction.
    package func transaction(
        _ commands: [[RESPArgument]], onWrite: (@Sendable () -> Void)? = nil
    ) async throws -> [RESPValue] {
        let all = [["MULTI"]] + commands + [["EXEC"]]
        var buffer = ByteBuffer()
        for command in all { RESPEncoder.encode(command, into: &buffer) }
        let start = NIODeadline.now()
        let replies = Mutex<[RESPValue]>([])
        let last: RESPValue = try await withCheckedThrowingContinuation { continuation in
            pipeline(buffer, count: all.count, beforeWrite: onWrite) { [observer] reply in
                let count = replies.withLock { replies in
                    // After a lost connection the remaining commands fail, EXEC too: its failure is thrown.
                    replies.append((try? reply.get()) ?? .null)
                    return replies.count
                }
                // The commands between are answered "QUEUED"; their time is that of EXEC.
                if case .success = reply, count == 1 || count == all.count {
                    observer?.answered(count == 1 ? .multi : .exec, (NIODeadline.now() - start).nanoseconds)
                }
                guard count == all.count else { return }
                continuation.resume(with: reply)
            }
        }
        for (command, reply) in zip(all, replies.withLock { $0 }) {
            guard case .error(let text) = reply else { continue }
            throw RedisError.from(
                reply: text, command: command.commandName, endpoint: endpoint, user: configuration.aclUser,
                names: command.names)
        }
        guard let results = last.array, results.count == commands.count else {
            throw RedisError.unexpectedReply(command: "EXEC", reply: last.summary)
        }
        return results
    }
}
