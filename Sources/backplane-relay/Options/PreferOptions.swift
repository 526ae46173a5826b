import ArgumentParser
import Redis

extension ServerPreference: ExpressibleByArgument {}

/// Which of several servers to watch.
struct PreferOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            Which server to watch, if --redis names sentinels or several servers: a replica whose link to its master is \
            up, else the master (replica); the master only (master); the first that answers (any).
            """, valueName: "server"))
    var prefer = ServerPreference.replica
}
