import Preflight
import Redis

/// The lines of `--check-only` about a cluster that is to be watched.
struct ClusterLines {
    let report: ClusterReport

    var lines: [(label: String, text: String)] {
        [("cluster", about), ("asked", asked)]
    }

    private var about: String {
        let nodes = report.reach.nodes
        var parts: [String] = []
        if nodes.isEmpty {
            parts.append(report.state?.nodes.map { Format.count($0, "node") } ?? "an unknown number of nodes")
        } else {
            let masters = nodes.count(where: \.isMaster)
            let failed = nodes.count { !$0.isUp }
            let of = failed > 0 ? ", \(failed) of them failed" : ""
            parts.append("\(Format.count(nodes.count, "node")) (\(Format.count(masters, "master"))\(of))")
        }
        parts.append("state \(report.state.map { $0.isOK ? "ok" : "fail" } ?? "unknown")")
        parts.append("one subscription receives what is published at any node")
        return parts.joined(separator: ", ")
    }

    private var asked: String {
        guard report.reach.refusal == nil else {
            return "only this node: subscribers, channels and hubs of the cluster are unknown"
        }
        let asked = report.reach.nodes.count(where: \.isUp)
        return
            "\(Format.count(asked, "node")): subscribers, channels and clients are summed; a counter is read from the node that holds it"
    }
}
