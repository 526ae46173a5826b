import Redis

/// Arguments after an address with a password: the shell may have split the password.
enum HiddenArguments {
    private static let addressOptions = ["--redis", "--to", "--forward"]

    /// The parser's message without these arguments, and with the remedy.
    static func concealed(_ message: String, arguments: [String]) -> String {
        guard message.holds("nexpected argument") else { return message }
        let tails = tails(in: arguments)
        guard !tails.isEmpty, tails.contains(where: { message.holds($0) }) else { return message }
        return
            "Error: \(tails.count == 1 ? "an argument comes" : "\(tails.count) arguments come") after an address that contains a password, and may be part of it: quote the address, or better put it into the environment (BACKPLANE_RELAY_REDIS)"
    }

    private static func tails(in arguments: [String]) -> [String] {
        var tails: [String] = []
        var isBehind = false
        var index = arguments.startIndex
        while index < arguments.endIndex {
            let argument = arguments[index]
            index += 1
            if addressOptions.contains(argument), index < arguments.endIndex {
                isBehind = !AddressSecrets.ranges(in: Array(arguments[index].utf8)).isEmpty
                index += 1
            } else if addressOptions.contains(where: { argument.hasPrefix($0 + "=") }) {
                isBehind = !AddressSecrets.ranges(in: Array(argument.utf8)).isEmpty
            } else if isBehind, argument.first != "-" {
                tails.append(argument)
            } else {
                isBehind = false
            }
        }
        return tails
    }
}

extension String {
    fileprivate func holds(_ needle: String) -> Bool {
        needle.isEmpty || indices.contains { self[$0...].hasPrefix(needle) }
    }
}
