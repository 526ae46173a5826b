/// The name that a node gives itself for each hub: `<machine name>_<guid, 32 lower-case hexadecimal digits>`, a new one
/// at each start of the process.
///
/// Source: `RedisHubLifetimeManager.cs` of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
package struct CoreServerName: Hashable, Sendable {
    /// May hold `_` itself.
    package let machine: String
    /// 32 lower-case hexadecimal digits.
    package let guid: String

    /// - Returns: nil for any other form.
    package init?(_ name: some BidirectionalCollection<UInt8>) {
        guard name.count >= 33 else { return nil }
        let guid = name.suffix(32)
        let isGUID = guid.allSatisfy { digit in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(digit)
        }
        let machine = name.dropLast(32)
        guard isGUID, machine.last == UInt8(ascii: "_") else { return nil }
        self.machine = String(decoding: machine.dropLast(), as: UTF8.self)
        self.guid = String(decoding: guid, as: UTF8.self)
    }

    package init?(_ name: String) { self.init(Array(name.utf8)) }
}
