// What libFuzzer calls. The environment variable FUZZ_TARGET names the parser; see Scripts/fuzz.

import FuzzTargets
import Glibc

private let target: FuzzTarget = {
  let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
  guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
    fatalError("FUZZ_TARGET must be one of \(FuzzTarget.all.map(\.name))")
  }
  return target
}()

/// libFuzzer's entry (llvm.org/docs/LibFuzzer.html): one input, 0 for having taken it.
@_cdecl("LLVMFuzzerTestOneInput")
public func parseOneInput(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  do { _ = try target.parse(bytes) } catch { fatalError("\(target.name): \(error)") }
  return 0
}
