import Foundation
import Logging
import Testing

@testable import backplane_relay

@Suite struct LogDestinationTests {
    @Test func aMovedFileIsReopened() throws {
        let folder = "/tmp/backplane-relay-log-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/relay.log"
        let log = Log(destination: try .file(path, format: .text), level: .info)
        log.logger.info("before")
        log.logger.debug("not asked for")
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        log.logger.info("into the old one")
        try log.destination.reopen()
        log.logger.info("after")
        let old = try String(contentsOfFile: path + ".1", encoding: .utf8).split(separator: "\n")
        let new = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(old.count == 2 && old[0].hasSuffix(" info before") && old[1].hasSuffix(" info into the old one"))
        #expect(new.count == 1 && new[0].hasSuffix(" info after"))

        try FileManager.default.removeItem(atPath: folder)
        #expect(throws: LogFileError.self) { try log.destination.reopen() }
        log.logger.info("nobody reads this, and nothing breaks")
    }
}
