import ArgumentParser
import Redis

extension ServerPreference: ExpressibleByArgument {}

/// Which of several servers to watch.
struct PreferOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Which server to watch if --redis names sentinels or several servers. replica: one whose link to its master is \
            up, else the master; master: only the master; any: the first that answers.
            """, valueName: "server"))
    var prefer = ServerPreference.replica
}
