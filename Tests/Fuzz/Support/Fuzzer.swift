import CLibFuzzer
import Foundation

/// What all fuzzers share: the way into libFuzzer and out of it.
public enum Fuzzer {
    public typealias Input = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

    /// Hands the program to libFuzzer.
    ///
    /// - Parameter input: is given each input; what it finds wrong it reports by ``check(_:_:line:)``.
    public static func run(_ input: Input) -> Never {
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(LLVMFuzzerRunDriver(&count, &arguments, input))
    }

    /// Stops at what must never be, so that libFuzzer keeps the input that led there.
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

/// libFuzzer's own `main`, which is linked but not used, asks for this name.
@_cdecl("LLVMFuzzerTestOneInput")
public func unusedInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    Fuzzer.fail("a fuzzer must begin in its own main")
}
