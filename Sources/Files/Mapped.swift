import Glibc

@safe package final class MappedFile: @unchecked Sendable {
  private let memory: UnsafeMutableRawPointer
  private let byteCount: Int
  package init(copying bytes: [UInt8], inFolder: String) throws {
    byteCount = bytes.count
    unsafe memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, bytes.count), alignment: 64)
    unsafe bytes.withUnsafeBytes { unsafe memory.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count) }
  }
  package func withBytes<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    try body(unsafe Span(_unsafeStart: memory.assumingMemoryBound(to: UInt8.self), count: byteCount))
  }
  deinit { unsafe memory.deallocate() }
}
package final class MappedTable: @unchecked Sendable {
  private var slots: [UInt64]
  package init(count: Int, inFolder: String) throws { slots = Array(repeating: 0, count: count) }
  package var count: Int { slots.count }
  package subscript(_ i: Int) -> UInt64 { get { slots[i] } set { slots[i] = newValue } }
}
