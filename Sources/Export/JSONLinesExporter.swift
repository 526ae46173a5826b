import Capture

/// One object per envelope, one per line.
struct JSONLinesExporter: Exporter {
    let skipped = 0

    func begin(into output: inout [UInt8]) {}

    func append(_ envelope: CapturedEnvelope, to output: inout [UInt8]) {
        EnvelopeJSON.append(envelope, to: &output)
        output.append(UInt8(ascii: "\n"))
    }
}
