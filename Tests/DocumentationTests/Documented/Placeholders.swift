import Foundation

/// What stands in the texts for the reader's own servers and directories, and what a test puts there.
struct Placeholders: Sendable {
    /// Stands for `/`: all absolute paths of the texts are below it.
    let root: String
    /// Port of the Redis that is watched.
    let source: Int
    /// Port of the Redis that gets replays.
    let target: Int
    /// Port of the live relay's `/metrics`.
    var metrics = 0
    /// Ports of running hub nodes.
    var nodes: [Int] = []

    /// A login of both servers.
    static let login = (user: "operator", password: "secret")
    private static let paths = [
        "/var/lib/", "/etc/", "/captures/", "/archive/", "/usr/local/bin/", "/data/", "/tmp/saved",
    ]

    /// In this order: a longer text before one that it contains.
    private var table: [(String, String)] {
        let (source, target) = ("127.0.0.1:\(source)", "127.0.0.1:\(target)")
        let password = "user=\(Self.login.user),password=\(Self.login.password)"
        let node = nodes.first.map { "http://127.0.0.1:\($0)" } ?? ""
        return [
            ("redis.example:6379,password=...", "\(source),\(password)"),
            ("staging:6379,password=...", "\(target),\(password)"),
            ("redis-cli -h redis.example", "redis-cli -p \(self.source)"),
            ("redis-cli -h staging", "redis-cli -p \(self.target)"),
            ("127.0.0.1:6379", source), ("redis.example:6379", source), ("redis.example", source),
            ("127.0.0.1:7789", target), ("staging:6379", target), ("127.0.0.1:9464", "127.0.0.1:\(metrics)"),
            ("127.0.0.1:8080", "127.0.0.1:0"), ("127.0.0.1:8081", "127.0.0.1:0"), ("https://node1.example", node),
            ("http://node1.example:8080", node),
            ("https://node2.example", nodes.last.map { "http://127.0.0.1:\($0)" } ?? ""),
            ("http://node2.example:8080", nodes.last.map { "http://127.0.0.1:\($0)" } ?? ""),
            ("http://node1.example", node), ("https://chat.example", node),
        ]
    }

    /// What the test runs instead of a command.
    func applied(to command: String) -> String {
        let mapped = table.reduce(command) { $0.replacing($1.0, with: $1.1) }
        return Self.paths.reduce(mapped) { $0.replacing($1, with: root + $1) }
    }

    /// A program's output, with the directories and nodes of the texts.
    func removed(from output: String) -> String {
        nodes.enumerated().reduce(output.replacing(root + "/", with: "/")) { output, node in
            output.replacing("http://127.0.0.1:\(node.element)", with: "http://node\(node.offset + 1).example:8080")
        }
    }
}
