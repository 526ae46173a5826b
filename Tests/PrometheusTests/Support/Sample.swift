/// One number of an exposition, as parsed by a reader. NaN equals NaN here.
struct Sample: Equatable {
    let name: String
    let labels: [String: String]
    let value: Double

    init(_ name: String, _ labels: [String: String], _ value: Double) {
        self.name = name
        self.labels = labels
        self.value = value
    }

    init(_ name: String, _ value: Double) {
        self.init(name, [:], value)
    }

    static func == (left: Self, right: Self) -> Bool {
        left.name == right.name && left.labels == right.labels
            && (left.value == right.value || left.value.isNaN && right.value.isNaN)
    }
}
