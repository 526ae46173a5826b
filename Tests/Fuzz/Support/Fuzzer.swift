import CLibFuzzer
import Foundation

/// Shared by all fuzzers: the interface to libFuzzer.
public enum Fuzzer {
    public typealias Input = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

    /// Passes control to libFuzzer.
    ///
    /// - Parameter input: called with each input; reports problems through ``check(_:_:line:)``.
    public static func run(_ input: Input) -> Never {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(LLVMFuzzerRunDriver(&count, &arguments, input))
    }

    /// Stops if the condition is false, so that libFuzzer keeps the input.
    @inline(__always)
    public static func check(
        _ holds: @autoclosure () -> Bool, _ message: @autoclosure () -> String, line: UInt = #line
    ) {
        if !holds() { fail(message(), line: line) }
    }

    @inline(never)
    public static func fail(_ message: String, line: UInt = #line) -> Never {
        FileHandle.standardError.write(Data("finding at line \(line): \(message)\n".utf8))
        abort()
    }
}

/// libFuzzer's own `main`, linked but unused, requires this symbol.
@_cdecl("LLVMFuzzerTestOneInput")
public func unusedInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    Fuzzer.fail("a fuzzer must begin in its own main")
}
