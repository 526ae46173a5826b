import Prometheus

extension Registry {
    /// The exposition as text.
    func text(_ format: ExpositionFormat) -> String {
        String(decoding: expose(format), as: UTF8.self)
    }

    /// The lines of the text exposition that are not comments.
    func sampleLines() -> [String] {
        text(.text).split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
    }
}
