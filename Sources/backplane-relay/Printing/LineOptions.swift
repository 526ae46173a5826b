import ArgumentParser
import MessageLines

/// How `cat` and `tail` show messages.
struct LineOptions: ParsableArguments {
    @Flag(help: "Show times in UTC on a terminal too. In pipes and in JSON they always are in UTC.")
    var utc = false

    @Flag(help: "Show the arguments of calls on the same line; on a terminal cut to its width.")
    var values = false

    /// For the current standard output.
    var style: LineStyle { .ofStandardOutput(utc: utc, showsValues: values) }

    /// - Throws: `ValidationError` if `json` makes an option useless.
    func validate(json: Bool) throws {
        guard json else { return }
        if values { throw ValidationError("--values: --json always contains all values; leave one of the two out") }
        if utc { throw ValidationError("--utc: times in --json are always in UTC; leave one of the two out") }
    }
}

extension LineStyle {
    /// Local time and colours on a terminal.
    ///
    /// - Parameter margin: columns reserved for something else.
    static func ofStandardOutput(utc: Bool = false, showsValues: Bool = false, margin: Int = 0) -> LineStyle {
        guard StandardOutput.isTerminal else { return LineStyle(showsValues: showsValues) }
        return LineStyle(
            isColoured: true, clock: utc ? .utc : .local, width: max(1, StandardOutput.width - margin),
            showsValues: showsValues)
    }
}
