import ArgumentParser

/// What a relay may use.
struct LimitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Memory for envelopes that wait for a slow disk; when it is full, new ones are dropped and counted. 1MiB or more.",
            valueName: "size"))
    var buffer = ByteSize(bytes: 64 << 20)

    func validate() throws {
        try buffer.require(
            atLeast: ByteSize(bytes: 1 << 20), "--buffer",
            because: "\(Format.count(buffer.bytes, "byte holds", "bytes hold")) too few envelopes")
    }
}
