import Testing

/// The packages that the texts say are those that CI installs.
@Suite struct PackageListTests {
    private static func packages(_ pattern: Regex<(Substring, Substring)>, in text: String) -> [Set<String>] {
        text.replacing(/\s*\\?\n\s*/, with: " ").matches(of: pattern).map {
            Set($0.output.1.split(separator: " ").map(String.init).filter { !$0.hasPrefix("-") })
        }
    }

    private static var installs: Regex<(Substring, Substring)> { #/apt-get install ([-a-z0-9. ]+)/# }

    @Test func `what is needed to build is the same everywhere`() throws {
        let ci = Self.packages(Self.installs, in: try Documents.text(".ci/run"))
        let installed = try #require(ci.first)
        let readme = try FencedBlock.find(in: Documents.text("README.md"), "README.md")
        let commands = readme.flatMap(\.commands).filter { $0.hasPrefix("apt-get update") }
        try #require(commands.count == 2)
        let lists = commands.compactMap { Self.packages(Self.installs, in: $0).first }
        // A user needs Python's virtual environment, and gets redis-cli with the server.
        let tests = lists[1].subtracting(["python3-venv"]).union(["python3", "python3-pip", "redis-tools"])
        #expect(tests == installed.union(["python3"]), "the packages of the tests")
        let build = lists[0].subtracting(["redis-server"])
        #expect(build.isSubset(of: installed))
        let docker = try #require(try FencedBlock.all("dockerfile").first).text
        let stages = Self.packages(Self.installs, in: docker)
        try #require(stages.count == 2)
        #expect(stages[0] == build, "the image's first stage")
        let libraries = stages[1].subtracting(["ca-certificates"])
        for path in ["README.md", "Sources/backplane-relay/Documentation.docc/Attach.md"] {
            let named = Self.packages(#/`apt-get install ([-a-z0-9. ]+)`/#, in: try Documents.text(path))
            #expect(named == [libraries], "\(path): the libraries of the binary")
        }
        #expect(libraries.count == build.subtracting(["pkg-config"]).count, "one library for each of its headers")
    }

    @Test func `the Python packages are the same everywhere`() throws {
        let readme = try Documents.text("README.md").firstMatch(of: #/pip install ([-a-z0-9 ]+)/#)
        let ci = try Documents.text(".ci/run").firstMatch(of: #/local modules=\(([-a-z0-9 ]+)\)/#)
        let (named, installed) = (try #require(readme).output.1, try #require(ci).output.1)
        #expect(Set(named.split(separator: " ")) == Set(installed.split(separator: " ")))
    }
}
